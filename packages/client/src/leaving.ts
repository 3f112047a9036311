/** The server's part of a sign-out, which may have to wait for a network, another page, another day. */

import type { SessionError } from './errors.ts'
import { isEntering } from './machine.ts'
import type { Tab } from './tab.ts'
import { quietly } from './world.ts'

/** Storage carries signals, never tokens: `out <session>` until the server knows, `all <session>`, `in <session>`. */
type Kind = 'all' | 'in' | 'out'

const read = ({ world, label }: Tab): string[] =>
  quietly(() => world.storage?.getItem(label)?.split(' ')) ?? []

export const write = ({ world, label }: Tab, kind: Kind, sid: string | null): void =>
  void quietly(() => world.storage?.setItem(label, `${kind} ${sid}`))

const erase = ({ world, label }: Tab): void => void quietly(() => world.storage?.removeItem(label))

/** The session whose end the server may not know yet; unless a newer one in its place has ended it. */
export function pending(tab: Tab): string | null {
  const [kind, sid = null] = read(tab)
  const hint = tab.line.known()
  return kind === 'in' || (hint && hint.sid !== sid) ? null : sid
}

/** What fails is tried again when the page is seen, online or loaded again: storage remembers it. */
export async function leave(tab: Tab, all: boolean, bearer?: string | null): Promise<void> {
  const { line, state } = tab
  const { dead, epoch } = state
  try {
    // The sessions of a user end by an access token, and the one at hand may be too old.
    const renewed = all && !bearer && ((await line.renew()) as { jwt_token: string })
    await line.end(all, renewed ? renewed.jwt_token : bearer)
  } catch (thrown) {
    const error = thrown as SessionError
    if (all && bearer && error.action === 'refresh') return leave(tab, all)
    // `login`: there is nothing left to end.
    if (error.action !== 'login') return tab.report({ type: 'trouble', error })
  }
  // A sign-in that began meanwhile has written its own.
  if (epoch !== tab.state.epoch) return
  if (dead) line.forget(dead)
  erase(tab)
}

/** Sends one that could not be sent; under the lock, and only if it is still wanted there: another tab may be signing in. */
export function finish(tab: Tab): void {
  if (!isEntering(tab.state) && pending(tab))
    void tab.lock(async () => pending(tab) && leave(tab, read(tab)[0] === 'all'))
}
