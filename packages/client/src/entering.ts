/** Signing in and out. */

import { SessionError } from './errors.ts'
import { leave, write } from './leaving.ts'
import * as machine from './machine.ts'
import { arrive, tokenOf } from './refresh.ts'
import type { Tab } from './tab.ts'
import type { EndReason } from './types.ts'

/** Takes the answer of a sign-in, and tells other tabs to look. */
function enter(tab: Tab, answer: unknown, asked: number, epoch: number): void {
  arrive(tab, answer, asked, epoch)
  write(tab, 'in', tab.state.sid)
}

export async function signIn(
  tab: Tab,
  credentials: object,
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const { world, line } = tab
  if (!world.isSecure) throw new SessionError('INSECURE_CONTEXT', 'fix')
  // In place of one that may be under way.
  tab.become(machine.entering)
  const { epoch } = tab.state
  const body = { ...credentials, mode: line.mode }
  let isOver: true | undefined
  const done = tab.lock(async () => {
    const asked = world.now()
    try {
      enter(tab, await tab.ask(path, { body, epoch, signal }), asked, epoch)
    } catch (error) {
      const { state } = tab
      const hint = line.known()
      if (state.phase === 'signedOut' && state.out > epoch) {
        // Called off by a sign-out, and too late to keep its cookies away, it leaves a session that nobody wants.
        if (hint) line.forget(hint.sid)
        await leave(tab, false)
      }
      throw error
    } finally {
      tab.become(machine.entered, epoch)
      isOver = true
      tab.wake()
    }
  })
  // Called off, it waits neither for its turn nor for its request to fail.
  await tab.until(() => isOver, Infinity, signal)
  await done
}

/** Takes the answer of a login that was made elsewhere. */
export function adopt(tab: Tab, answer: unknown): void {
  tab.become(machine.entering)
  const { epoch } = tab.state
  try {
    enter(tab, answer, tab.world.now(), epoch)
  } finally {
    tab.become(machine.entered, epoch)
  }
}

export async function signOut(
  tab: Tab,
  scope: 'all' | 'others' | 'this',
  reason: EndReason = 'user',
): Promise<unknown> {
  if (scope === 'others') return tab.ask('logout/all?others=true', { bearer: await tokenOf(tab) })
  const bearer = tab.peek()
  const { phase } = tab.state
  const isAll = scope === 'all'
  tab.become(machine.signedOut, reason)
  // Sent at once, whoever has the lock; held meanwhile, so that no sign-in overtakes it.
  const sent = phase === 'signedOut' ? null : leave(tab, isAll, bearer)
  const { dead } = tab.state
  if (sent && dead) write(tab, isAll ? 'all' : 'out', dead)
  const locked = tab.lock(async () => sent)
  return sent ?? locked
}
