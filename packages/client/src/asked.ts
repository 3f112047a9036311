/** What a request to a rendering server shows of its visitor, and how the auth server is asked about it. */

import { refusal, SessionError } from './errors.ts'
import { decode } from './token.ts'

/** A `Request`, or what Node makes of one. */
export type Asking = { headers: Headers | Record<string, string | string[] | undefined> }

/** From `forwardSession` to the render: the access token, or `signedOut`. */
export const passedOn = 'x-countersign-visitor'

export function headerOf({ headers }: Asking, name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : headers[name]
  return String(value ?? '')
}

/** Of the visitor's cookies, those of the auth server; none without the hint: that was signed out where no network was. */
export function cookiesOf(request: Asking): string[] {
  const ours = headerOf(request, 'cookie')
    .split(/; */)
    .filter(pair => /^__(Host|Secure)-cs(rt|fp|hint)=/.test(pair))
  return ours.some(pair => pair.includes('-cshint=')) ? ours : []
}

export interface Asks {
  /** The auth server's routes, as this server reaches them: `https://auth.example.com/auth`. */
  authUrl: string
  timeoutMs?: number
  fetch?: typeof globalThis.fetch
  onError?: (error: SessionError) => void
}

/** What the auth server said of a visitor. */
export type Said =
  | { readonly status: 'signedIn'; readonly token: string; readonly headers: Headers }
  | { readonly status: 'signedOut' | 'unknown' }

/** Asks once. Only a typed refusal means that nobody is signed in. */
export async function ask(asks: Asks, path: string, headers: Record<string, string>): Promise<Said> {
  const { authUrl, fetch = globalThis.fetch, timeoutMs = 3_000, onError } = asks
  try {
    const answer = await fetch(`${authUrl}/${path}`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: '{}',
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const body = (await answer.json().catch(() => null)) as { jwt_token?: unknown } | null
    if (answer.ok && typeof body?.jwt_token === 'string' && decode(body.jwt_token))
      return { status: 'signedIn', token: body.jwt_token, headers: answer.headers }
    throw refusal(answer.status, body, answer.headers.get('Retry-After'))
  } catch (thrown) {
    const error = thrown instanceof SessionError ? thrown : new SessionError('OFFLINE')
    if (error.action === 'login') return { status: 'signedOut' }
    onError?.(error)
    return { status: 'unknown' }
  }
}
