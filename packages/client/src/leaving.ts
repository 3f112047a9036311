/** The server's part of a sign-out, which may have to wait for a network, another page, another day. */

import { asError } from './errors.ts'
import type { Tab } from './tab.ts'

/** Storage carries signals, never tokens: `out <session>` until the server knows, `all <session>`, `in <session>`. */
type Kind = 'all' | 'in' | 'out'

const read = ({ world, key }: Tab): string[] => quietly(() => world.storage?.getItem(key)?.split(' ')) ?? []

export const write = ({ world, key }: Tab, kind: Kind, sid: string | null): void =>
  void quietly(() => world.storage?.setItem(key, `${kind} ${sid}`))

const erase = ({ world, key }: Tab): void => void quietly(() => world.storage?.removeItem(key))

/** The session whose end the server may not know yet. */
export function pending(tab: Tab): string | null {
  const [kind, sid = null] = read(tab)
  const hint = tab.line.hint()
  if (kind !== 'out' && kind !== 'all') return null
  if (!hint || hint.sid === sid) return sid
  // A newer session in the place of one has ended it.
  erase(tab)
  return null
}

/** What fails is tried again when the page is seen, online or loaded again: storage remembers it. */
async function send(tab: Tab, all: boolean, bearer: string | null): Promise<void> {
  const { line, state } = tab
  const { dead, epoch } = state
  try {
    // The sessions of a user end by an access token, and the one at hand may be too old.
    const renewed = all && !bearer && ((await line.renew(new AbortController())) as { jwt_token: string })
    await line.end(all, renewed ? renewed.jwt_token : bearer)
  } catch (thrown) {
    const error = asError(thrown)
    if (all && bearer && error.action === 'refresh') return send(tab, all, null)
    // `login`: there is nothing left to end.
    if (error.action !== 'login') return tab.report({ type: 'trouble', error })
  }
  // A sign-in that began meanwhile has written its own.
  if (epoch !== tab.state.epoch) return
  if (dead) line.forget(dead)
  erase(tab)
}

const track = (tab: Tab, run: Promise<unknown>): Promise<unknown> => {
  const done = run.then(() => {
    if (tab.leaving === done) tab.leaving = undefined
  })
  tab.leaving = done
  return done
}

/** Sends a sign-out now. */
export function leave(tab: Tab, all: boolean, bearer: string | null): Promise<unknown> {
  const sent = send(tab, all, bearer)
  // Sent at once, whoever has the lock; held meanwhile, so that no sign-in overtakes it.
  void tab.lock(() => sent)
  return track(tab, sent)
}

/** Sends one that could not be sent. */
export function finish(tab: Tab): void {
  if (tab.leaving || tab.state.entry || !pending(tab)) return
  // Under the lock, and only if it is still wanted there: another tab may be signing in.
  void track(
    tab,
    tab.lock(async () => pending(tab) && send(tab, read(tab)[0] === 'all', null)),
  )
}

/** Storage may be blocked, or full. */
function quietly<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
