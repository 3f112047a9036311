/** How a session is opened, renewed and ended: by cookies here, by `header.ts` as the article has it. */

import type { HeaderMessage } from './channel.ts'
import type { Asked } from './request.ts'
import type { Tab } from './tab.ts'
import type { SessionOptions } from './types.ts'

/** The hint: a cookie that scripts may read, `<session id>.<depth>`. It authorises nothing. */
export interface Hint {
  readonly sid: string
  readonly depth?: number
}

export type Ask = (path: string, asked: Asked) => Promise<unknown>

/** One session's way to the server, made for one tab. */
export interface Line {
  /** What this browser knows of a session without asking; undefined if it has to ask. */
  known(): Hint | null | undefined
  /** Renews the access token, for as long as the answer counts in that epoch. */
  renew(epoch?: number): Promise<unknown>
  /** Ends the session at the server; `all` those of its user. */
  end(all: boolean, bearer?: string | null): Promise<unknown>
  /** Forgets it here. */
  forget(sid: string): void
  /** A session was answered. */
  answered?(answer: unknown): void
  /** The session object is closed; the user stays signed in. */
  close?(): void
  /** What a sign-in says besides the credentials. */
  readonly mode?: 'header'
  /** Another tab says something. */
  overheard?(message: HeaderMessage): void
  /** Whether tabs share one session, and so its access token and its lock. */
  readonly isShared?: boolean
}

/** Made by this package, and for it: what it takes and answers is not for others to call. */
export type Transport = (tab: never, options: never) => object

/** The same, from within. */
export type Opening = (tab: Tab, options: SessionOptions) => Line

const pattern = /(?:^|; )(__(?:Host|Secure)-cshint)=([^;.]+)\.(\d+)/

export const cookieTransport: Opening = ({ world, ask }, { authUrl = '/auth', cookieDomain }) => {
  const { cookies, host } = world
  const read = () => pattern.exec(cookies.cookie) ?? []
  // On another host than the cookies' an absent hint says nothing.
  const isReadable = cookieDomain || new URL(authUrl, `http://${host}`).hostname === host
  return {
    isShared: true,
    known: () => {
      const [, , sid, depth] = read()
      return sid ? { sid, depth: Number(depth) } : isReadable ? null : undefined
    },
    renew: epoch => ask('refresh', { epoch }),
    end: (all, bearer) => ask(all ? 'logout/all' : 'logout', { bearer, keepalive: true }),
    // Of that session, and of no other: a late answer must not undo a new sign-in.
    forget: sid => {
      const [, name, found] = read()
      if (found === sid)
        cookies.cookie = `${name}=; Path=/; Secure; Max-Age=0${cookieDomain ? `; Domain=${cookieDomain}` : ''}`
    },
  }
}
