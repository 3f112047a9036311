/** The access token: handed out, renewed, and taken. */

import { SessionError } from './errors.ts'
import * as machine from './machine.ts'
import { look } from './outside.ts'
import type { Tab } from './tab.ts'
import { type Held, hold } from './token.ts'
import type { TokenOptions } from './types.ts'

/** How long a new tab waits for the token of another before it refreshes; and one that another was faster than. */
const [newTab, behind] = [60, 250]

/** A valid token, and a newer one than `old`; null if nobody is signed in. */
export function tokenOf(tab: Tab, wanted: TokenOptions = {}, old?: Held | null): Promise<string | null> {
  const { world, flightMs, become } = tab
  const { rejected, minValidityMs = 0, signal } = wanted
  if (rejected) become(machine.rejected, rejected, world.now())
  const patience = flightMs * 2
  const giveUp = world.now() + patience
  const ready = (isLate?: boolean) => {
    tab.check()
    const { phase, held, error, retryAt } = tab.state
    if (phase === 'signedOut') return null
    const isNew = held && held !== old
    if (isNew && tab.remaining() > Math.min(Math.max(tab.least, minValidityMs), held.life / 5)) {
      if (world.now() >= held.due) become(machine.wanted)
      return held.raw
    }
    become(machine.wanted)
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
  const running = {}
  tab.become(machine.refreshing, running)
  const { epoch, held } = tab.state
  /** What it was for came by itself, or is not wanted any more. */
  const isOver = () => tab.state.running !== running || undefined
  /** Waits for the token of another tab, for a moment. */
  const fromPeers = (ms: number) => {
    tab.peers.say({ t: 'ask' })
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
      fail(tab, error as SessionError, epoch)
    }
  })
}

/** Takes an answer with a token. */
export function arrive(tab: Tab, answer: unknown, asked: number, epoch: number): void {
  if (epoch !== tab.state.epoch) throw new SessionError('ABORTED')
  const held = hold(answer, asked, tab.share)
  if (!held) throw new SessionError('ANSWER_INVALID')
  tab.line.answered?.(answer)
  tab.become(machine.adopt, held, tab.world.now(), epoch)
}

function fail(tab: Tab, error: SessionError, epoch: number): void {
  // It may have been for a session that another tab replaced; or was called off too late to keep its cookies away.
  look(tab)
  const { world, state } = tab
  if (epoch !== state.epoch) return
  if (error.code === 'NO_SESSION' && state.held && tab.line.known() === undefined)
    tab.report({ type: 'trouble', error: new SessionError('COOKIES_BLOCKED', 'fix') })
  tab.become(machine.failed, error, world.now(), world.random())
}
