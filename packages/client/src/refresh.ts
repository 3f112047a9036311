/** The access token: handed out, renewed, and told to other tabs. */

import { asError, SessionError } from './errors.ts'
import * as machine from './machine.ts'
import { look } from './outside.ts'
import { publish, tellToken } from './peers.ts'
import type { Tab } from './tab.ts'
import { type Held, hold, toldBy } from './token.ts'
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
  if (wanted.rejected) become(machine.rejected(tab.state, wanted.rejected, world.now()))
  const giveUp = world.now() + flightMs * 2
  const ready = () => {
    const { phase, held, error, retryAt, notBefore } = tab.state
    if (phase === 'signedOut') return null
    const isNew = held && held !== old
    if (isNew && tab.remaining() > Math.min(Math.max(least, wanted.minValidityMs ?? 0), held.life / 5)) {
      if (world.now() >= held.due) become(machine.wanted(tab.state, 1))
      return held.raw
    }
    become(machine.wanted(tab.state, 2))
    // A failure is nobody's matter while the token is good.
    if (isNew && error && tab.peek()) return held.raw
    if (error && (error.action === 'fix' || Math.max(retryAt, notBefore) > giveUp)) throw error
    return undefined
  }
  return tab.until(ready, flightMs * 2, wanted.signal)
}

/** One refresh. Its answer counts only in the epoch that asked, and only if nothing newer came first. */
export async function refresh(tab: Tab): Promise<void> {
  const { world, line } = tab
  tab.become(machine.refreshing(tab.state))
  const stop = new AbortController()
  tab.running = stop
  const { epoch, held } = tab.state
  const isOver = () =>
    tab.state.epoch !== epoch || tab.state.held !== held || tab.state.notBefore > world.now()
  /** Waits for the token of another tab, for a moment. */
  const fromPeers = async (ms: number) => {
    tab.channel.say({ t: 'ask' })
    await tab.until(() => isOver() || undefined, ms).catch(() => {})
  }
  const hinted = () => line.hint()?.depth ?? 0
  const known = held ? held.depth : hinted()
  if (!held && tab.isSharing) await fromPeers(newTab)
  if (isOver()) return
  await tab.lock(async () => {
    if (hinted() > known) await fromPeers(behind)
    if (isOver()) return
    const asked = world.now()
    try {
      const answer = await line.renew(stop)
      if (tab.state.epoch === epoch) arrive(tab, answer, asked, epoch)
      // Called off too late to keep its cookies away: they are of a session that ended here.
      else look(tab)
    } catch (error) {
      fail(tab, asError(error), epoch)
    }
  })
}

/** Takes an answer with a token, and hands the token on. */
export function arrive(tab: Tab, answer: unknown, asked: number, epoch: number): void {
  const held = hold(toldBy(answer), asked, tab.share)
  if (!held) throw SessionError.of('ANSWER_INVALID')
  tab.line.opened?.(answer)
  if (take(tab, held, epoch)) tellToken(tab)
}

/** The token is new: asked for in `epoch`, or, without one, told by another tab. */
export function take(tab: Tab, held: Held, epoch?: number): boolean {
  const now = tab.world.now()
  const { depth, due } = held
  tab.become(machine.adopt(tab.state, held, now, epoch))
  const isTaken = tab.state.held === held
  if (isTaken) tab.report({ type: epoch ? 'refreshed' : 'adopted', depth, dueInMs: due - now })
  return isTaken
}

function fail(tab: Tab, error: SessionError, epoch: number): void {
  const { world, state } = tab
  const hint = tab.line.hint()
  const now = world.now()
  if (epoch !== state.epoch) return
  // Another tab signed in meanwhile: that refusal was for the session before.
  const isOfAnother = error.action === 'login' && hint && state.sid && hint.sid !== state.sid
  tab.become(
    isOfAnother ? machine.looked(state, hint.sid) : machine.failed(state, error, now, world.random()),
  )
  if (isOfAnother) return
  const { phase, notBefore, retryAt } = tab.state
  if (phase === 'signedOut') {
    if (error.code === 'NO_SESSION' && state.held && hint === undefined)
      tab.report({ type: 'trouble', error: SessionError.of('COOKIES_BLOCKED') })
    publish(tab)
  } else {
    tab.report({ type: 'failed', error, retryInMs: Math.max(retryAt, notBefore) - now })
    if (error.retryAfterMs) tab.channel.say({ t: 'wait', ms: notBefore - now })
  }
}
