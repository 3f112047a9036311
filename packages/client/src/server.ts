/** `@countersign/client/server`: who asks for a page, on any server that speaks `Request`. It never rotates. */

import { refusal, SessionError } from './errors.ts'
import type { Claims, Status } from './index.ts'
import { decode } from './token.ts'

export interface ServerOptions {
  /** The auth server's routes, as this server reaches them: `https://auth.example.com/auth`. */
  authUrl: string
  /** A service key of scope `ssr`. */
  serviceKey: string
  /** The APIs that `ServerSession.fetch` may show the visitor's token and fingerprint to. */
  apiOrigins?: readonly string[]
  timeoutMs?: number
  fetch?: typeof globalThis.fetch
  onError?: (error: SessionError) => void
}

/** `unknown`: the auth server could not say; render what needs nobody, and let the browser go on. */
export interface ServerSession {
  readonly status: 'signedIn' | 'signedOut' | 'unknown'
  readonly claims: Claims | null
  /** For calls to APIs while rendering. It lives a minute. */
  readonly accessToken: string | null
  /** Calls APIs of `apiOrigins` as the visitor: with the token, the fingerprint cookie and no other. Others get neither. */
  readonly fetch: typeof globalThis.fetch
  /** For `initial` of `createSession`: no token in it. */
  snapshot(): { status: Status; claims: Claims | null; sid: string | null }
}

type Asking = { headers: Headers | Record<string, string | string[] | undefined> }

/** Answers who asks, once for each request, however often it is called. */
export function serverSession(options: ServerOptions): (request: Asking) => Promise<ServerSession> {
  const known = new WeakMap<object, Promise<ServerSession>>()
  return request => {
    let session = known.get(request)
    if (!session) {
      session = mint(options, pairsOf(request.headers))
      known.set(request, session)
    }
    return session
  }
}

/** Of the visitor's cookies, those of the auth server. */
function pairsOf(headers: Asking['headers']): string[] {
  const cookie = headers instanceof Headers ? headers.get('cookie') : String(headers.cookie ?? '')
  return (cookie ?? '').split(/; */).filter(pair => /^__(Host|Secure)-cs(rt|fp|hint)=/.test(pair))
}

/** Answers sessions of one visitor, known or not. */
function sessions({ apiOrigins = [], fetch = globalThis.fetch }: ServerOptions, pairs: readonly string[]) {
  const fingerprint = pairs.filter(pair => pair.includes('-csfp=')).join('; ')
  return (status: ServerSession['status'], raw: string | null = null): ServerSession => {
    const claims = raw === null ? null : decode(raw)
    return {
      status,
      claims,
      accessToken: raw,
      fetch: (input, init) => {
        const request = new Request(input, init)
        if (!raw || !apiOrigins.includes(new URL(request.url).origin)) return fetch(request)
        const headers = new Headers(request.headers)
        headers.set('Authorization', `Bearer ${raw}`)
        headers.set('Cookie', fingerprint)
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
}

async function mint(options: ServerOptions, ours: readonly string[]): Promise<ServerSession> {
  const { authUrl, serviceKey, fetch = globalThis.fetch, timeoutMs = 3_000, onError } = options
  const session = sessions(options, ours)
  // A refresh token without the hint was signed out where no network was.
  if (!ours.some(pair => pair.includes('-cshint='))) return session('signedOut')
  try {
    const answer = await fetch(`${authUrl}/mint`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${serviceKey}`,
        'Content-Type': 'application/json',
        Cookie: ours.join('; '),
      },
      body: '{}',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const body = (await answer.json().catch(() => null)) as { jwt_token?: unknown } | null
    if (answer.ok && typeof body?.jwt_token === 'string' && decode(body.jwt_token))
      return session('signedIn', body.jwt_token)
    throw refusal(answer.status, body, answer.headers.get('Retry-After'))
  } catch (thrown) {
    const error = thrown instanceof SessionError ? thrown : SessionError.of('OFFLINE')
    if (error.action === 'login') return session('signedOut')
    onError?.(error)
    return session('unknown')
  }
}
