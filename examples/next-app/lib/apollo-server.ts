import 'server-only'
import { ApolloClient, HttpLink, InMemoryCache } from '@apollo/client'
import type { ServerSession } from '@countersign/client/server'
import { notesApi } from './settings'

/** For one request: nothing in it outlives the page that it is made for. */
export const apolloOf = (session: ServerSession): ApolloClient =>
  new ApolloClient({
    ssrMode: true,
    cache: new InMemoryCache(),
    link: new HttpLink({ uri: `${notesApi()}/graphql`, fetch: session.fetch }),
  })
