'use client'
/** What the session of this tab does, for the panel. */
import type { SessionEvent } from '@countersign/client'
import type { Client } from 'graphql-ws'

export interface Seen {
  readonly refreshes: number
  readonly adopted: number
  readonly socket: 'closed' | 'connecting' | 'open'
  readonly shown: number
  readonly tabs: number
  readonly lines: readonly { readonly id: number; readonly at: string; readonly text: string }[]
}

export const nothing: Seen = { refreshes: 0, adopted: 0, socket: 'closed', shown: 0, tabs: 1, lines: [] }
let seen = nothing
let count = 0
const listeners = new Set<() => void>()

export const current = (): Seen => seen
export function listen(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export function note(text: string, change: Partial<Seen> = {}): void {
  const line = { id: ++count, at: new Date().toLocaleTimeString('en-GB'), text }
  become({ ...change, lines: [line, ...seen.lines].slice(0, 8) })
}

function become(change: Partial<Seen>): void {
  seen = { ...seen, ...change }
  for (const listener of listeners) listener()
}

export function saw(event: SessionEvent): void {
  if (event.type === 'refreshed' && event.depth === 0) note('Signed in')
  else if (event.type === 'refreshed')
    note(`Refreshed silently, to depth ${event.depth}`, { refreshes: seen.refreshes + 1 })
  else if (event.type === 'adopted')
    note(`Took the token of another tab, depth ${event.depth}`, { adopted: seen.adopted + 1 })
  else if (event.type === 'failed')
    note(`Refresh failed (${event.error.code}); again in ${Math.ceil(event.retryInMs / 1000)} s`)
  else if (event.type === 'ended' && event.reason !== 'none') note(`Session over: ${event.reason}`)
  else if (event.type === 'trouble') note(`Trouble: ${event.error.code}`)
}

export function watchSocket(client: Client): void {
  client.on('connecting', () => become({ socket: 'connecting' }))
  client.on('connected', () => note('Socket open', { socket: 'open' }))
  client.on('closed', event => note(`Socket closed (${(event as CloseEvent).code})`, { socket: 'closed' }))
  client.on('pong', (received, payload) => {
    if (received && payload?.type === 'reauth')
      note('Newer token shown on the open socket', { shown: seen.shown + 1 })
  })
}

/** Tabs of this app greet each other; that one greets back counts it. */
export function countTabs(): () => void {
  const me = Math.random()
  const others = new Map<number, number>()
  const channel = new BroadcastChannel('notes-tabs')
  const tell = (is: 'gone' | 'here') => channel.postMessage({ me, is })
  channel.onmessage = ({ data }) => {
    const isNew = data.is === 'here' && !others.has(data.me)
    if (data.is === 'gone') others.delete(data.me)
    else others.set(data.me, performance.now())
    if (isNew) tell('here')
    become({ tabs: others.size + 1 })
  }
  const again = setInterval(() => {
    tell('here')
    for (const [tab, at] of others) if (performance.now() - at > 150_000) others.delete(tab)
    become({ tabs: others.size + 1 })
  }, 50_000)
  const gone = () => tell('gone')
  addEventListener('pagehide', gone)
  tell('here')
  return () => {
    gone()
    clearInterval(again)
    removeEventListener('pagehide', gone)
    channel.close()
  }
}
