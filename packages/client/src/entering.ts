/** Signing in and out. */

import { SessionError } from './errors.ts'
import { leave, write } from './leaving.ts'
import * as machine from './machine.ts'
import { publish } from './peers.ts'
import { arrive, tokenOf } from './refresh.ts'
import type { Tab } from './tab.ts'

/** A sign-in begins, in place of one that may be under way; answers how to take its answer, and how to end. */
function begin(tab: Tab) {
  const { world } = tab
  tab.stopEntry.abort()
  const stop = new AbortController()
  tab.stopEntry = stop
  tab.become(machine.entering(tab.state))
  const { entry } = tab.state
  return {
    stop,
    take: (answer: unknown, asked = world.now()) => {
      if (tab.state.entry !== entry) throw SessionError.of('ABORTED')
      arrive(tab, answer, asked, entry)
      write(tab, 'in', tab.state.sid)
    },
    end: () => tab.become(machine.entered(tab.state, entry)),
  }
}

export async function signIn(
  tab: Tab,
  credentials: object,
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const { world, line, leaving } = tab
  if (!world.isSecure) throw SessionError.of('INSECURE_CONTEXT')
  const { stop, take, end } = begin(tab)
  const abort = () => stop.abort()
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  const enter = async () => {
    await leaving
    await tab.lock(async () => {
      const asked = world.now()
      const body = { ...credentials, ...(line.mode && { mode: line.mode }) }
      take(await tab.send(path, { body, stop }), asked)
    })
  }
  const entered = enter().finally(end)
  tab.afterEntry = entered
  await entered
}

/** Takes the answer of a login that was made elsewhere. */
export function adopt(tab: Tab, answer: unknown): void {
  const { take, end } = begin(tab)
  try {
    take(answer)
  } finally {
    end()
  }
}

export async function signOut(tab: Tab, scope: 'all' | 'others' | 'this'): Promise<unknown> {
  if (scope === 'others') {
    const bearer = await tokenOf(tab, 0, {})
    if (!bearer) throw SessionError.of('SIGNED_OUT')
    return tab.send('logout/all?others=true', { bearer })
  }
  const bearer = tab.peek()
  const { phase, entry } = tab.state
  tab.stopEntry.abort()
  tab.become(machine.signedOut(tab.state))
  if (phase === 'signedOut' && !entry) return tab.leaving
  const { dead, epoch } = tab.state
  const isAll = scope === 'all'
  if (dead) write(tab, isAll ? 'all' : 'out', dead)
  publish(tab)
  if (entry) await tab.afterEntry?.catch(() => {})
  if (epoch !== tab.state.epoch) return
  // Called off too late to keep its cookies away, a sign-in leaves a session that nobody wants.
  const hint = entry && tab.line.hint()
  if (hint) tab.line.forget(hint.sid)
  return leave(tab, isAll, bearer)
}
