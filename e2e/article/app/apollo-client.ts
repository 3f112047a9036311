import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, type Operation } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { getMainDefinition } from '@apollo/client/utilities'
import merge from 'deepmerge'
import { createClient } from 'graphql-ws'
import { useMemo } from 'react'
import { getJwtToken } from './auth'
import { logoutLink } from './logout-link'
import { endpoint, makeTokenRefreshLink, refreshIfExpired } from './refresh-link'

type State = Record<string, unknown>

let apolloClient: ApolloClient<unknown> | undefined

function getHeaders(): Record<string, string> {
  const token = getJwtToken()
  return token ? { Authorization: `Bearer ${token}` } : {}
}

function operationIsSubscription(operation: Operation): boolean {
  const definition = getMainDefinition(operation.query)
  return definition.kind === 'OperationDefinition' && definition.operation === 'subscription'
}

let wsLink: GraphQLWsLink | undefined
function getOrCreateWebsocketLink() {
  wsLink ??= new GraphQLWsLink(
    createClient({
      url: endpoint.replace('http', 'ws'),
      shouldRetry: () => true,
      connectionParams: async () => {
        await refreshIfExpired()
        return { headers: getHeaders() }
      },
    }),
  )
  return wsLink
}

function createLink(headersOf: () => Record<string, string>) {
  const httpLink = new HttpLink({
    uri: endpoint,
    credentials: 'include',
  })

  const authLink = new ApolloLink((operation, forward) => {
    operation.setContext(({ headers = {} }) => ({
      headers: {
        ...headers,
        ...headersOf(),
      },
    }))
    return forward(operation)
  })

  if (typeof window === 'undefined') return ApolloLink.from([authLink, httpLink])
  return ApolloLink.from([
    logoutLink,
    makeTokenRefreshLink(),
    authLink,
    ApolloLink.split(
      operationIsSubscription,
      operation => getOrCreateWebsocketLink().request(operation),
      httpLink,
    ),
  ])
}

export function createApolloClient(headersOf = getHeaders) {
  return new ApolloClient({
    ssrMode: typeof window === 'undefined',
    link: createLink(headersOf),
    cache: new InMemoryCache(),
  })
}

export function initializeApollo(initialState: State | null = null) {
  apolloClient ??= createApolloClient()
  if (initialState) apolloClient.cache.restore(merge(initialState, apolloClient.extract() as State))
  return apolloClient
}

export function useApollo(initialState: State | null) {
  return useMemo(() => initializeApollo(initialState), [initialState])
}
