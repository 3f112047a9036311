import { fetchExchange, gql, Client as UrqlClient } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import type { Client } from '../client.ts'
import { npm } from '../tool.ts'

const NOTES = gql('{ notes { id } }')

export const urql: Client = {
  name: 'urql',
  version: () => `${npm('@urql/core')} with exchange-auth ${npm('@urql/exchange-auth')}`,
  notes:
    '`authExchange`; more than one refresh for operations that are refused together, which the server allows',
  async start(login) {
    const auth = authExchange(async utils => ({
      addAuthToOperation: operation => utils.appendHeaders(operation, { authorization: login.authorization }),
      didAuthError: error => error.response?.status === 401,
      refreshAuth: async () => {
        // A refusal is what the operation then says.
        await login.renew().catch(() => {})
      },
    }))
    const { api: url, fetch } = login
    const client = new UrqlClient({ url, fetch, preferGetMethod: false, exchanges: [auth, fetchExchange] })
    return {
      ask: async () => {
        const { error } = await client.query(NOTES, {}, { requestPolicy: 'network-only' })
        if (error) throw error
      },
    }
  },
}
