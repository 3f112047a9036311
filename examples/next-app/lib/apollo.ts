'use client'
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, type NormalizedCacheObject } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import type { Session } from '@countersign/client'
import { bindApollo, sessionLink } from '@countersign/client/apollo'
import { sessionSocket } from '@countersign/client/graphql-ws'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'
import { useMemo } from 'react'
import { watchSocket } from './watch'

/** What a page's server found out, and for whom. */
export interface ApolloState {
  readonly sub: string
  readonly cache: NormalizedCacheObject
}

let tab: ApolloClient | undefined

/** A new client for each request on the server, one in the browser, with what the server found out in its cache. */
export function initializeApollo(session: Session, api: string, state: ApolloState | null): ApolloClient {
  const client = (typeof window === 'undefined' ? undefined : tab) ?? createApollo(session, api)
  if (typeof window !== 'undefined') tab = client
  // A page that was under way while somebody else signed in belongs to nobody here.
  if (state && session.getSnapshot().claims?.sub === state.sub)
    client.cache.restore(merge(client.extract() as NormalizedCacheObject, state.cache))
  return client
}

export const useApollo = (session: Session, api: string, state: ApolloState | null): ApolloClient =>
  useMemo(() => initializeApollo(session, api, state), [session, api, state])

function createApollo(session: Session, api: string): ApolloClient {
  const isServer = typeof window === 'undefined'
  const http = ApolloLink.from([
    sessionLink(session),
    // The fingerprint cookie is to come along.
    new HttpLink({ uri: `${api}/graphql`, credentials: 'include' }),
  ])
  const client = new ApolloClient({
    ssrMode: isServer,
    cache: new InMemoryCache(),
    link: isServer ? http : withSocket(session, api, http),
  })
  if (!isServer) bindApollo(session, client)
  return client
}

function withSocket(session: Session, api: string, http: ApolloLink): ApolloLink {
  const socket = createClient(sessionSocket(session, `${api.replace(/^http/, 'ws')}/graphql`))
  watchSocket(socket)
  return ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    http,
  )
}

/** The newer counts, field by field. */
const merge = (old: NormalizedCacheObject, fresh: NormalizedCacheObject): NormalizedCacheObject => ({
  ...old,
  ...Object.fromEntries(Object.entries(fresh).map(([id, fields]) => [id, { ...old[id], ...fields }])),
})
