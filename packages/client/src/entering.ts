/** Signing in and out. */

import { SessionError } from './errors.ts'
import { leave, write } from './leaving.ts'
import * as machine from './machine.ts'
import { arrive, tokenOf } from './refresh.ts'
import type { Tab } from './tab.ts'

/** A sign-in begins, in place of one that may be under way. */
function begin(tab: Tab): number {
  tab.become(machine.entering(tab.state))
  return tab.state.entry
}

const end = (tab: Tab, epoch: number) => tab.become(machine.entered(tab.state, epoch))

export async function signIn(
  tab: Tab,
  credentials: object,
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const { world, line } = tab
  if (!world.isSecure) throw SessionError.of('INSECURE_CONTEXT', 'fix')
  const epoch = begin(tab)
  const body = { ...credentials, ...(line.mode && { mode: line.mode }) }
  await tab.lock(async () => {
    const asked = world.now()
    try {
      arrive(tab, await tab.send(path, { body, epoch, signal }), asked, epoch)
    } catch (error) {
      const { phase, entry } = tab.state
      const hint = line.known()
      if (phase === 'signedOut' && !entry) {
        // Called off by a sign-out, and too late to keep its cookies away, it leaves a session that nobody wants.
        if (hint) line.forget(hint.sid)
        await leave(tab, false)
      }
      throw error
    } finally {
      end(tab, epoch)
    }
  })
}

/** Takes the answer of a login that was made elsewhere. */
export function adopt(tab: Tab, answer: unknown): void {
  const epoch = begin(tab)
  try {
    arrive(tab, answer, tab.world.now(), epoch)
  } finally {
    end(tab, epoch)
  }
}

export async function signOut(tab: Tab, scope: 'all' | 'others' | 'this'): Promise<unknown> {
  if (scope === 'others') return tab.send('logout/all?others=true', { bearer: await tokenOf(tab, 0, {}) })
  const bearer = tab.peek()
  const { phase } = tab.state
  const isAll = scope === 'all'
  tab.become(machine.signedOut(tab.state))
  // Sent at once, whoever has the lock; held meanwhile, so that no sign-in overtakes it.
  const sent = phase === 'signedOut' ? null : leave(tab, isAll, bearer)
  const { dead } = tab.state
  if (sent && dead) write(tab, isAll ? 'all' : 'out', dead)
  const locked = tab.lock(async () => sent)
  return sent ?? locked
}
