/** How a session is opened, renewed and ended: by cookies here, by `header.ts` as the article has it. */

import { readHint, removeHint } from './hint.ts'
import { type Asked, post } from './request.ts'
import type { World } from './world.ts'

export type Send = (path: string, asked?: Partial<Asked>) => Promise<unknown>

/** One session's way to the server, made for one tab. */
export interface Line {
  /** What this browser knows of a session without asking; undefined if it has to ask. */
  hint(): { readonly sid: string; readonly depth: number } | null | undefined
  /** A sign-in was answered. */
  opened(answer: unknown): void
  renew(signal: AbortSignal): Promise<unknown>
  /** Ends the session at the server; `all` those of its user. */
  end(all: boolean, bearer: string | null): Promise<unknown>
  /** The session object is closed; the user stays signed in. */
  close?(): void
  /** Forgets it here. */
  forget(sid: string): void
  /** What all tabs call the session that this tab has a part in, if tabs have sessions of their own. */
  root?(sid: string): string
  /** What a sign-in says besides the credentials. */
  readonly mode?: 'header'
  /** Whether tabs share one session, and so its access token and its lock. */
  readonly isShared: boolean
}

export interface Setting {
  world: World
  send: Send
  name: string
  /** The host of the auth server. */
  host: string
  cookieDomain: string | undefined
}

export type Transport = (setting: Setting) => Line

export const cookieTransport: Transport = ({ world, send, host, cookieDomain }) => {
  // On another host than the cookies' an absent hint says nothing.
  const isReadable = host === world.host || cookieDomain !== undefined
  return {
    isShared: true,
    hint: () => readHint(world) ?? (isReadable ? null : undefined),
    opened: () => {},
    renew: signal => send('refresh', { signal }),
    end: (all, bearer) => send(all ? 'logout/all' : 'logout', { bearer, keepalive: true }),
    forget: sid => removeHint(world, sid, cookieDomain),
  }
}

export const sender =
  (world: World, authUrl: string, timeoutMs: number): Send =>
  (path, asked) =>
    post(world, `${authUrl}/${path}`, { timeoutMs, ...asked })
