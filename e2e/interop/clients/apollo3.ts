import {
  ApolloClient,
  type ApolloLink,
  from,
  fromPromise,
  gql,
  HttpLink,
  InMemoryCache,
  type ServerError,
} from '@apollo/client/core/index.js'
import { setContext } from '@apollo/client/link/context/index.js'
import { onError } from '@apollo/client/link/error/index.js'
import type { Asking, Client } from '../client.ts'
import type { Login } from '../login.ts'
import { npm } from '../tool.ts'

const NOTES = gql('{ notes { id } }')

/** A client whose links end in this API. */
export function apollo(login: Login, ...links: ApolloLink[]): Asking {
  const auth = setContext((_, { headers }) => ({
    headers: { ...headers, authorization: login.authorization },
  }))
  const http = new HttpLink({ uri: login.api, fetch: login.fetch })
  const client = new ApolloClient({ cache: new InMemoryCache(), link: from([...links, auth, http]) })
  return {
    ask: async () => {
      await client.query({ query: NOTES, fetchPolicy: 'network-only' })
    },
    stop: () => client.stop(),
  }
}

export const apollo3: Client = {
  name: 'Apollo Client 3',
  version: () => npm('@apollo/client'),
  notes: '`onError` for status 401, one refresh, one more try',
  async start(login) {
    const renewing = onError(({ networkError, operation, forward }) => {
      const isRefused = (networkError as ServerError | undefined)?.statusCode === 401
      if (!isRefused || operation.getContext().renewed) return
      operation.setContext({ renewed: true })
      return fromPromise(login.renew()).flatMap(() => forward(operation))
    })
    return apollo(login, renewing as ApolloLink)
  },
}
