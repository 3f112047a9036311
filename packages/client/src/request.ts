/** One request to the auth server. */

import { refusal, SessionError } from './errors.ts'
import type { World } from './world.ts'

export interface Asked {
  body?: object | undefined
  bearer?: string | null | undefined
  /** Calls it off, and is used up by a time-out. */
  stop?: AbortController
  /** Goes on when the page does not. */
  keepalive?: boolean
}

/** Answers the JSON of a 200, or throws a `SessionError`; never hangs. */
export async function post(
  world: World,
  url: string,
  timeoutMs: number,
  { body = {}, bearer, stop = new AbortController(), keepalive = false }: Asked = {},
): Promise<unknown> {
  const { signal } = stop
  let isLate = false
  const clear = world.timer(() => {
    isLate = true
    stop.abort()
  }, timeoutMs)
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
      signal,
    })
    const answer: unknown = await response.json().catch(() => null)
    if (response.ok && answer && typeof answer === 'object') return answer
    throw signal.aborted || refusal(response.status, answer, response.headers.get('Retry-After'))
  } catch (error) {
    throw error instanceof SessionError
      ? error
      : SessionError.of(isLate ? 'TIMEOUT' : signal.aborted ? 'ABORTED' : 'OFFLINE')
  } finally {
    clear()
  }
}
