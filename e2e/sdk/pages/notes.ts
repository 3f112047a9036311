/** A page of the notes API: its notes live, and a way to add one. */
import { authorizedFetch } from '@countersign/client/fetch'
import { sessionSocket } from '@countersign/client/graphql-ws'
import { createClient } from 'graphql-ws'
import './core.ts'

declare global {
  interface Window {
    notes: string[]
    add: (text: string) => Promise<number>
    sockets: number
    out: number
  }
}

const { session } = window
const api = new URLSearchParams(location.search).get('api') ?? ''
const client = createClient(sessionSocket(session, `${api.replace('http', 'ws')}/graphql`))
const send = authorizedFetch(session, { origins: [api] })
const notes: string[] = []
Object.assign(window, {
  notes,
  sockets: 0,
  subscribe: () =>
    client.subscribe<{ noteAdded: { text: string } }>(
      { query: 'subscription { noteAdded(after: 0) { text } }' },
      { next: ({ data }) => data && notes.push(data.noteAdded.text), error: () => {}, complete: () => {} },
    ),
  add: async (text: string) => {
    const query = 'mutation Add($text: String!) { addNote(text: $text) { id } }'
    const answer = await send(`${api}/graphql`, {
      method: 'POST',
      credentials: 'include',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query, variables: { text } }),
    })
    return answer.status
  },
})
client.on('connected', () => window.sockets++)
session.subscribe(() => {
  if (session.getSnapshot().status === 'signedOut') window.out = performance.timeOrigin + performance.now()
})
