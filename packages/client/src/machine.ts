/**
 * The session of one tab as pure functions: (state, …) → state. No I/O, no clock, no random numbers.
 *
 *   idle ─► checking ─► in ◄──► out          closed, from anywhere
 *     └────────────────────────► out         no hint: nobody asks the server
 *
 * Each sign-out, and each change of who is signed in, begins a new epoch. The answer of a request that an earlier
 * epoch sent changes nothing. `plan` says when to refresh next: it is asked after every step, so that no failure
 * can leave a tab without its next try.
 */

import type { SessionError } from './errors.ts'
import type { Held } from './token.ts'
import { isNewer } from './token.ts'
import type { EndReason } from './types.ts'

/** How much a token is wanted: not before its time · on time, though nobody looks · now · now, it was refused. */
export type Need = 0 | 1 | 2 | 3

export interface State {
  readonly phase: 'checking' | 'closed' | 'idle' | 'in' | 'out'
  readonly epoch: number
  /** The session we are in, or that the hint names. */
  readonly sid: string | null
  /** The newest access token, kept when it is too old to show, so that older ones are known as such. */
  readonly held: Held | null
  readonly need: Need
  /** When a refused token was last replaced: the next one is not refused at once, whatever an API says. */
  readonly replacedAt: number
  readonly isRefreshing: boolean
  /** The sign-in under way; its answer counts in any epoch, until a sign-out. */
  readonly entry: number
  readonly fails: number
  readonly error: SessionError | null
  readonly retryAt: number
  /** As the server asked: being online again does not shorten it. */
  readonly notBefore: number
  readonly reason: EndReason
  /** The session that ended last: nothing brings it back. */
  readonly dead: string | null
}

export const initial: State = {
  phase: 'idle',
  epoch: 0,
  sid: null,
  held: null,
  need: 0,
  replacedAt: -Infinity,
  isRefreshing: false,
  entry: 0,
  fails: 0,
  error: null,
  retryAt: 0,
  notBefore: 0,
  reason: 'none',
  dead: null,
}

const isOpen = ({ phase }: State): boolean => phase === 'in' || phase === 'checking'

/** Another phase, in a new epoch, with nothing left of the last but what must not come back. */
const turn = (state: State, phase: State['phase'], rest: Partial<State> = {}): State => ({
  ...initial,
  phase,
  epoch: state.epoch + 1,
  entry: state.entry,
  dead: state.dead,
  ...rest,
})

const out = (state: State, reason: EndReason, entry: number = state.entry): State =>
  turn(state, 'out', { reason, entry, dead: state.sid ?? state.dead })

/** `sid`: what the hint names; undefined if this page cannot read it and has to ask. */
export const start = (state: State, sid: string | null | undefined, dead: string | null): State =>
  state.phase !== 'idle' ? state : turn(state, sid === null ? 'out' : 'checking', { sid: sid ?? null, dead })

export const refreshing = (state: State): State => (isOpen(state) ? { ...state, isRefreshing: true } : state)

/** A refresh that ended without an answer to judge: called off, or another tab was first. */
export const settled = (state: State, epoch: number): State =>
  epoch === state.epoch ? { ...state, isRefreshing: false } : state

/** A token arrived: for the refresh of an epoch, for a sign-in, or, without either, from another tab. */
export function adopt(
  state: State,
  held: Held,
  now: number,
  epoch: number | null,
  entry: number | null,
): State {
  const { phase, sid, dead } = state
  const isSame = held.sid === sid
  const isPeer = epoch === null && entry === null
  const isExpected = isPeer
    ? phase !== 'idle' && !state.entry
    : epoch === state.epoch
      ? phase !== 'out'
      : entry !== null && entry === state.entry
  if (!isExpected || phase === 'closed' || held.sid === dead) return state
  if (isSame && state.held && !isNewer(held, state.held)) return state
  const isAnother = !isSame && sid !== null
  return {
    ...initial,
    phase: 'in',
    // What was asked for another session is not for this one.
    epoch: state.epoch + (isAnother ? 1 : 0),
    sid: held.sid,
    held,
    isRefreshing: isPeer && state.isRefreshing && !isAnother,
    replacedAt: state.need > 2 ? now : state.replacedAt,
    // A token that is due when it comes (a slow answer, a short life) must not make a loop.
    retryAt: held.due > now ? 0 : now + 1_000,
    dead,
  }
}

/** A refresh failed. Only what says `login` ends the session. */
export function failed(state: State, epoch: number, error: SessionError, now: number, random: number): State {
  if (epoch !== state.epoch || !isOpen(state)) return state
  const { code, action, reason, retryAfterMs } = error
  if (action === 'login')
    return out(state, reason ?? (code === 'NO_SESSION' && !state.held ? 'none' : 'refused'))
  // Full jitter. A fault of the program or its configuration does not mend itself in seconds.
  const pause = action === 'fix' ? 60_000 : random * Math.min(30_000, 250 * 2 ** state.fails)
  return {
    ...state,
    isRefreshing: false,
    fails: state.fails + 1,
    error,
    retryAt: now + pause,
    notBefore: Math.max(retryAfterMs ? now + retryAfterMs + random * 500 : 0, state.notBefore),
  }
}

/** Another tab knows that a session ended. */
export const ended = (state: State, sid: string | null, reason: EndReason): State =>
  isOpen(state) && (state.sid ?? sid) === sid ? out(state, reason) : state

/** Another tab was told to wait. */
export const waits = (state: State, notBefore: number): State =>
  isOpen(state) ? { ...state, notBefore: Math.max(state.notBefore, notBefore) } : state

/** An API refused the token. One that refuses every token, whatever it is, causes no storm of refreshes. */
export function rejected(state: State, raw: string, now: number): State {
  const { phase, held, need, replacedAt } = state
  const isOurs = phase === 'in' && held?.raw === raw && need < 3
  return isOurs && now - replacedAt >= Math.min(10_000, held.life / 5) ? { ...state, need: 3 } : state
}

/** Somebody asks for a token: on time, or now. */
export const wanted = (state: State, need: Need): State =>
  state.phase === 'in' && need > state.need ? { ...state, need } : state

/** What the hint says when somebody looks at the tab again: others may have signed in or out meanwhile. */
export function looked(state: State, sid: string | null): State {
  const { phase, entry, dead } = state
  if (phase === 'idle' || phase === 'closed' || entry || sid === state.sid) return state
  if (sid && sid !== dead) return turn(state, 'checking', { sid })
  return state.sid ? out(state, 'other-tab') : state
}

export const online = (state: State, retryAt: number): State =>
  state.fails ? { ...state, retryAt: Math.min(state.retryAt, retryAt) } : state

/** A refresh under way is called off: its cookies must not come after those of the sign-in. */
export const entering = (state: State, entry: number): State =>
  state.phase === 'closed' ? state : { ...state, epoch: state.epoch + 1, isRefreshing: false, entry }

export const entered = (state: State, entry: number): State =>
  entry === state.entry ? { ...state, entry: 0 } : state

export const signedOut = (state: State): State => (state.phase === 'closed' ? state : out(state, 'user', 0))

export const closed = (state: State): State => turn(state, 'closed', { entry: 0 })

/** When to refresh, by the clock of the token; Infinity: not until something happens. */
export function plan(state: State, isAwake: boolean): number {
  const { held, need } = state
  if (state.isRefreshing || state.entry || !isOpen(state)) return Infinity
  const isNow = !held || need > 1
  if (!isNow && !isAwake && !need) return Infinity
  return Math.max(isNow ? 0 : held.due, state.retryAt, state.notBefore)
}
