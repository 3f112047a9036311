/** One request to the auth server. */

import { refusal, SessionError } from './errors.ts'
import type { World } from './world.ts'

export interface Asked {
  body?: object
  bearer?: string | null | undefined
  signal?: AbortSignal | undefined
  timeoutMs: number
  /** Goes on when the page does not. */
  keepalive?: boolean
}

/** Answers the JSON of a 200, or throws a `SessionError`; never hangs. */
export async function post(world: World, url: string, asked: Asked): Promise<unknown> {
  const { body = {}, bearer, signal, timeoutMs, keepalive = false } = asked
  const stop = new AbortController()
  const abort = () => stop.abort(SessionError.of('ABORTED'))
  const clear = world.timer(() => stop.abort(SessionError.of('TIMEOUT')), timeoutMs)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort)
  try {
    const response = await world.fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-Countersign': '1',
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify(body),
      credentials: 'include',
      cache: 'no-store',
      // Credentials follow nobody to another address.
      redirect: 'error',
      keepalive,
      signal: stop.signal,
    })
    const answer: unknown = await response.json().catch(() => null)
    if (response.ok && answer && typeof answer === 'object') return answer
    if (stop.signal.aborted) throw stop.signal.reason
    throw refusal(response.status, answer, response.headers.get('Retry-After'))
  } catch (error) {
    if (error instanceof SessionError) throw error
    throw stop.signal.aborted ? stop.signal.reason : SessionError.of('OFFLINE')
  } finally {
    clear()
    signal?.removeEventListener('abort', abort)
  }
}
