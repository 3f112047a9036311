/** The access token: handed out, renewed, and taken. */

import { asError, SessionError } from './errors.ts'
import { write } from './leaving.ts'
import * as machine from './machine.ts'
import { look } from './outside.ts'
import type { Tab } from './tab.ts'
import { type Held, hold } from './token.ts'
import type { TokenOptions } from './types.ts'

/** How long a new tab waits for the token of another before it refreshes; and one that another was faster than. */
const [newTab, behind] = [60, 250]

/** A valid token, and a newer one than `old`; null if nobody is signed in. */
export function tokenOf(
  tab: Tab,
  least: number,
  wanted: TokenOptions,
  old?: Held | null,
): Promise<string | null> {
  const { world, flightMs, become } = tab
  const { rejected, minValidityMs = 0, signal } = wanted
  if (rejected) become(machine.rejected(tab.state, rejected, world.now()))
  const patience = flightMs * 2
  const giveUp = world.now() + patience
  const ready = (isLate?: boolean) => {
    tab.check()
    const { phase, held, error, retryAt } = tab.state
    if (phase === 'signedOut') return null
    const isNew = held && held !== old
    if (isNew && tab.remaining() > Math.min(Math.max(least, minValidityMs), held.life / 5)) {
      if (world.now() >= held.due) become(machine.wanted(tab.state, 1))
      return held.raw
    }
    become(machine.wanted(tab.state, 2))
    // A failure is nobody's matter while the token is good.
    if (isNew && error && tab.peek()) return held.raw
    if (error && (isLate || error.action === 'fix' || retryAt > giveUp)) throw error
    return undefined
  }
  return tab.until(ready, patience, signal)
}

/** One refresh. Its answer counts only in the epoch that asked, and only if nothing newer came first. */
export async function refresh(tab: Tab): Promise<void> {
  const { world, line } = tab
  tab.become(machine.refreshing(tab.state))
  const { epoch, held } = tab.state
  const isOver = () => {
    const { state } = tab
    return state.epoch !== epoch || state.held !== held || state.retryAt > world.now() || undefined
  }
  /** Waits for the token of another tab, for a moment. */
  const fromPeers = (ms: number) => {
    tab.channel.say({ t: 'ask' })
    return tab.until(isLate => isLate || isOver(), ms)
  }
  const hinted = () => line.known()?.depth ?? 0
  const known = held ? held.depth : hinted()
  if (!held && tab.isSharing) await fromPeers(newTab)
  if (isOver()) return
  await tab.lock(async () => {
    if (hinted() > known) await fromPeers(behind)
    if (isOver()) return
    const asked = world.now()
    try {
      arrive(tab, await line.renew(epoch), asked, epoch)
    } catch (error) {
      fail(tab, asError(error), epoch)
    }
  })
}

/** Takes an answer with a token. */
export function arrive(tab: Tab, answer: unknown, asked: number, epoch: number): void {
  if (!machine.counts(tab.state, epoch)) throw SessionError.of('ABORTED')
  const held = hold(answer, asked, tab.share)
  if (!held) throw SessionError.of('ANSWER_INVALID')
  tab.line.opened?.(answer)
  const { entry } = tab.state
  tab.become(machine.adopt(tab.state, held, tab.world.now(), epoch))
  if (entry) write(tab, 'in', tab.state.sid)
}

function fail(tab: Tab, error: SessionError, epoch: number): void {
  const { world, state } = tab
  const hint = tab.line.known()
  const isOfAnother = error.action === 'login' && hint && state.sid && hint.sid !== state.sid
  // Called off too late to keep its cookies away, perhaps; or another tab signed in, and it was for the session before.
  if (isOfAnother || !machine.counts(state, epoch)) look(tab)
  else {
    if (error.code === 'NO_SESSION' && state.held && hint === undefined)
      tab.report({ type: 'trouble', error: SessionError.of('COOKIES_BLOCKED', 'fix') })
    tab.become(machine.failed(state, error, world.now(), world.random()))
  }
}
