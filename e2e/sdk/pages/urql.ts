/** A page with urql. */
import { sessionAuth } from '@countersign/client/urql'
import { Client, fetchExchange } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import './core.ts'

const { session } = window
const client = new Client({
  url: '/api/graphql',
  preferGetMethod: false,
  exchanges: [authExchange(sessionAuth(session)), fetchExchange],
})
Object.assign(window, {
  me: async () => {
    const { data, error } = await client.query('{ me { id } }', {}, { requestPolicy: 'network-only' })
    if (error) throw error
    return data?.me.id
  },
  teardown: () =>
    client
      .query('{ me { id } }', {})
      .subscribe(() => {})
      .unsubscribe(),
})
