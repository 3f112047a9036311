/** `@countersign/client/fetch`: `fetch` with the access token, for the origins on the list and for nobody else. */

import type { Session } from './index.ts'

export interface FetchOptions {
  /** Where the token may go; the page's own origin by default. */
  origins?: readonly string[]
  fetch?: typeof globalThis.fetch
}

/**
 * A `fetch` that shows the access token. A 401 that blames the token means one refresh and one more try; what it
 * answers then is the caller's. A body that streams is sent once only, with a token that lasts.
 */
export function authorizedFetch(session: Session, options: FetchOptions = {}): typeof globalThis.fetch {
  const { origins = [globalThis.location?.origin], fetch = globalThis.fetch } = options
  return async (input, init) => {
    const request = new Request(input, init)
    const { signal } = request
    if (!origins.includes(new URL(request.url).origin) || request.headers.has('Authorization'))
      return fetch(request)
    const isStream = init?.body instanceof ReadableStream
    const token = await session.getAccessToken({ signal, ...(isStream && { minValidityMs: 30_000 }) })
    if (!token) return fetch(request)
    const again = isStream ? undefined : request.clone()
    const answer = await show(fetch, request, token)
    if (!again || !(await isTokenRefused(answer))) return answer
    const renewed = await session.getAccessToken({ rejected: token, signal })
    return renewed && renewed !== token ? show(fetch, again, renewed) : answer
  }
}

function show(fetch: typeof globalThis.fetch, request: Request, token: string): Promise<Response> {
  request.headers.set('Authorization', `Bearer ${token}`)
  return fetch(request)
}

/** RFC 6750's challenge, or one of our codes where CORS hides the challenge. */
async function isTokenRefused(answer: Response): Promise<boolean> {
  if (answer.status !== 401) return false
  if (/error="?invalid_token/.test(answer.headers.get('WWW-Authenticate') ?? '')) return true
  const body = await answer
    .clone()
    .json()
    .catch(() => null)
  return body?.error?.action === 'refresh' || body?.errors?.[0]?.extensions?.code === 'UNAUTHENTICATED'
}
