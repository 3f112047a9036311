/** A page that subscribes to what happens to its user's account, at the auth server itself. */
import { sessionSocket } from '@countersign/client/graphql-ws'
import { createClient } from 'graphql-ws'
import './core.ts'

declare global {
  interface Window {
    heard: { id: number; kind: string }[]
    sockets: number
    out: number
    subscribe: () => () => void
  }
}

const { session } = window
const auth = new URLSearchParams(location.search).get('auth') ?? ''
const client = createClient(sessionSocket(session, `${auth.replace('http', 'ws')}/graphql`))
const heard: Window['heard'] = []
Object.assign(window, {
  heard,
  sockets: 0,
  subscribe: () =>
    client.subscribe<{ sessionEvents: Window['heard'][number] }>(
      { query: 'subscription { sessionEvents { id kind } }' },
      { next: ({ data }) => data && heard.push(data.sessionEvents), error: () => {}, complete: () => {} },
    ),
})
client.on('connected', () => window.sockets++)
session.subscribe(() => {
  if (session.getSnapshot().status === 'signedOut') window.out = performance.timeOrigin + performance.now()
})
