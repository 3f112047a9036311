import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from 'apollo-client-4'
import { ServerError } from 'apollo-client-4/errors'
import { SetContextLink } from 'apollo-client-4/link/context'
import { ErrorLink } from 'apollo-client-4/link/error'
import { from, switchMap } from 'rxjs'
import type { Client } from '../client.ts'
import { npm } from '../tool.ts'

const NOTES = gql('{ notes { id } }')

export const apollo4: Client = {
  name: 'Apollo Client 4',
  version: () => npm('apollo-client-4'),
  notes: '`ErrorLink` for status 401, one refresh, one more try',
  async start(login) {
    const renewing = new ErrorLink(({ error, operation, forward }) => {
      const isRefused = ServerError.is(error) && error.statusCode === 401
      if (!isRefused || operation.getContext().renewed) return
      operation.setContext({ renewed: true })
      return from(login.renew()).pipe(switchMap(() => forward(operation)))
    })
    const auth = new SetContextLink(({ headers }) => ({
      headers: { ...headers, authorization: login.authorization },
    }))
    const http = new HttpLink({ uri: login.api, fetch: login.fetch })
    const link = ApolloLink.from([renewing, auth, http])
    const client = new ApolloClient({ cache: new InMemoryCache(), link })
    return {
      ask: async () => {
        await client.query({ query: NOTES, fetchPolicy: 'network-only' })
      },
      stop: () => client.stop(),
    }
  },
}
