/** The plainest page: a session on `window`, and everything that happened to it. */
import { createSession, type SessionOptions } from '@countersign/client'
import { authorizedFetch } from '@countersign/client/fetch'

declare global {
  interface Window {
    session: ReturnType<typeof createSession>
    authorized: typeof fetch
    create: typeof createSession
    seen: { statuses: string[]; identities: (string | null)[]; tokens: number; events: string[] }
    /** Options of the session, set before the page runs. */
    options?: Omit<SessionOptions, 'onEvent' | 'transport' | 'world'>
    loaded: Promise<unknown>
  }
}

const seen: Window['seen'] = { statuses: [], identities: [], tokens: 0, events: [] }
const rendered = document.getElementById('initial')?.textContent
const session = createSession({
  initial: rendered ? JSON.parse(rendered) : null,
  onEvent: event => seen.events.push('error' in event ? `${event.type} ${event.error.code}` : event.type),
  ...window.options,
})
seen.statuses.push(session.getSnapshot().status)
session.subscribe(() => seen.statuses.push(session.getSnapshot().status))
session.onIdentity(next => seen.identities.push(next?.sub ?? null))
session.onToken(() => seen.tokens++)
Object.assign(window, { session, seen, create: createSession, authorized: authorizedFetch(session) })
window.loaded = session.start()
