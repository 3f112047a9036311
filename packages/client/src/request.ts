/** One request to the auth server. */

import { refusal, SessionError } from './errors.ts'
import type { Tab } from './tab.ts'

export interface Asked {
  body?: object | undefined
  bearer?: string | null | undefined
  /** Called off when its answer does not count any more. */
  epoch?: number | undefined
  signal?: AbortSignal | undefined
  /** Goes on when the page does not. */
  keepalive?: boolean
}

/** How long what was called off may take to fail: its cookies may still come. A `fetch` of others may not hear of it. */
const patience = 1_000

/** Answers the JSON of a 200, or throws a `SessionError`; never hangs. */
export async function post(
  tab: Tab,
  url: string,
  { body = {}, bearer, epoch, signal, keepalive = false }: Asked,
): Promise<unknown> {
  const stop = new AbortController()
  let isOver: true | undefined
  const ready = () => {
    if (epoch && (tab.isClosed || epoch !== tab.state.epoch)) throw new SessionError('ABORTED')
    return isOver
  }
  const over = tab.until(ready, tab.flightMs, signal).catch(async error => {
    stop.abort(error)
    await new Promise<void>(done => tab.world.timer(done, patience))
    throw error
  })
  const send = async () => {
    // What was called off before is not sent.
    await isOver
    const response = await tab.world.fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-Countersign': '1',
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
      },
      body: JSON.stringify(body),
      credentials: 'include',
      // Credentials follow nobody to another address.
      redirect: 'error',
      keepalive,
      signal: stop.signal,
    })
    const answer: unknown = await response.json().catch(() => null)
    if (response.ok && answer) return answer
    throw refusal(response.status, answer, response.headers.get('Retry-After'))
  }
  try {
    return await Promise.race([send(), over])
  } catch (error) {
    throw stop.signal.reason ?? (error instanceof SessionError ? error : new SessionError('OFFLINE'))
  } finally {
    isOver = true
    tab.wake()
  }
}
