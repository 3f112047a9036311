/** How a session is opened, renewed and ended: by cookies here, by `header.ts` as the article has it. */

import { type Hint, readHint, removeHint } from './hint.ts'
import type { Asked } from './request.ts'
import type { World } from './world.ts'

export type Send = (path: string, asked?: Asked) => Promise<unknown>

/** One session's way to the server, made for one tab. */
export interface Line {
  /** What this browser knows of a session without asking; undefined if it has to ask. */
  hint(): Hint | null | undefined
  /** Renews the access token; `stop` calls it off. */
  renew(stop: AbortController): Promise<unknown>
  /** Ends the session at the server; `all` those of its user. */
  end(all: boolean, bearer: string | null): Promise<unknown>
  /** Forgets it here. */
  forget(sid: string): void
  /** A session was answered. */
  opened?(answer: unknown): void
  /** The session object is closed; the user stays signed in. */
  close?(): void
  /** What a sign-in says besides the credentials. */
  readonly mode?: 'header'
  /** Whether tabs share one session, and so its access token and its lock. */
  readonly isShared: boolean
}

export interface Setting {
  world: World
  send: Send
  name: string
  authUrl: string
  cookieDomain: string | undefined
  /** Another tab ended this one's session, of which the server does not know. */
  leave(): void
}

export type Transport = (setting: Setting) => Line

export const cookieTransport: Transport = ({ world, send, authUrl, cookieDomain }) => ({
  isShared: true,
  hint: () => {
    // On another host than the cookies' an absent hint says nothing.
    const isReadable = cookieDomain || new URL(authUrl, `http://${world.host}`).hostname === world.host
    return readHint(world) ?? (isReadable ? null : undefined)
  },
  renew: stop => send('refresh', { stop }),
  end: (all, bearer) => send(all ? 'logout/all' : 'logout', { bearer, keepalive: true }),
  forget: sid => removeHint(world, sid, cookieDomain),
})
