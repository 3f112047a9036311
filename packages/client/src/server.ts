/** `@countersign/client/server`: who asks for a page, on any server that speaks `Request`. It never rotates by itself. */

import { type Asking, type Asks, ask, cookiesOf, headerOf, passedOn } from './asked.ts'
import type { Claims, Status } from './index.ts'
import { decode } from './token.ts'

export { type Forwarded, type ForwardOptions, forwardSession } from './forward.ts'
export type { Asking, Asks }

export interface ServerOptions extends Asks {
  /** A service key of scope `ssr`; not needed with `rotate`. */
  serviceKey?: string
  /** `forward`: nobody is asked, as `forwardSession` did before the render. */
  rotate?: 'forward'
  /** The APIs that `ServerSession.fetch` may show the visitor's token and fingerprint to. */
  apiOrigins?: readonly string[]
}

/** `unknown`: the auth server could not say; render what needs nobody, and let the browser go on. */
export interface ServerSession {
  readonly status: 'signedIn' | 'signedOut' | 'unknown'
  readonly claims: Claims | null
  /** For calls to APIs while rendering. A minted one lives a minute. */
  readonly accessToken: string | null
  /** Calls APIs of `apiOrigins` as the visitor: with the token, the fingerprint cookie and no other. Others get neither. */
  readonly fetch: typeof globalThis.fetch
  /** For `initial` of `createSession`: no token in it. */
  snapshot(): { status: Status; claims: Claims | null; sid: string | null }
}

/** Answers who asks, once for each request, however often it is called. */
export function serverSession(options: ServerOptions): (request: Asking) => Promise<ServerSession> {
  const known = new WeakMap<object, Promise<ServerSession>>()
  return request => {
    let session = known.get(request)
    if (!session) {
      session = recognise(options, request)
      known.set(request, session)
    }
    return session
  }
}

async function recognise(options: ServerOptions, request: Asking): Promise<ServerSession> {
  const cookies = cookiesOf(request)
  const is = (status: ServerSession['status'], token: string | null = null) =>
    sessionOf(options, cookies, status, token)
  if (cookies.length === 0) return is('signedOut')
  if (options.rotate) {
    const passed = headerOf(request, passedOn)
    const sid = decode(passed)?.sid
    const isTheirs = sid && cookies.some(pair => pair.includes(`-cshint=${sid}.`))
    return isTheirs ? is('signedIn', passed) : is(passed === 'signedOut' ? passed : 'unknown')
  }
  const said = await ask(options, 'mint', {
    Authorization: `Bearer ${options.serviceKey ?? ''}`,
    Cookie: cookies.join('; '),
  })
  return is(said.status, said.status === 'signedIn' ? said.token : null)
}

function sessionOf(
  { apiOrigins = [], fetch = globalThis.fetch }: ServerOptions,
  cookies: readonly string[],
  status: ServerSession['status'],
  token: string | null,
): ServerSession {
  const claims = token === null ? null : decode(token)
  return {
    status,
    claims,
    accessToken: token,
    fetch: (input, init) => {
      const request = new Request(input, init)
      if (!token || !apiOrigins.includes(new URL(request.url).origin)) return fetch(request)
      const headers = new Headers(request.headers)
      headers.set('Authorization', `Bearer ${token}`)
      headers.set('Cookie', cookies.filter(pair => pair.includes('-csfp=')).join('; '))
      // Wherever an API would send it, that is not on the list.
      return fetch(new Request(request, { headers, redirect: 'error' }))
    },
    snapshot: () => ({
      status: status === 'unknown' ? 'pending' : status,
      claims,
      sid: claims?.sid ?? null,
    }),
  }
}

/** Whether what is rendered for this session is for nobody else: then it is not for caches. */
export const isPrivate = ({ status }: ServerSession): boolean => status !== 'signedOut'
