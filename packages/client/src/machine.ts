/**
 * The session of one tab as pure functions: (state, …) → state. No I/O, no clock, no random numbers.
 *
 *   pending ─► signedIn ◄──► signedOut
 *     └───────────────────────► signedOut         no hint: nobody asks the server
 *
 * Each sign-in and sign-out, and each change of who is signed in, begins a new epoch; the first begins when the
 * session is started. The answer of a request that an earlier epoch sent changes nothing. `plan` says when to refresh
 * next: it is asked after every step, so that no failure can leave a tab without its next try.
 */

import type { SessionError } from './errors.ts'
import type { Held } from './token.ts'
import { isNewer } from './token.ts'
import type { EndReason, Status } from './types.ts'

/** How much a token is wanted: when it is due · now · now, it was refused. */
export type Need = 0 | 1 | 2

export interface State {
  readonly phase: Status
  readonly epoch: number
  /** The session we are in, or that the hint names. */
  readonly sid: string | null
  /** The newest access token, kept when it is too old to show, so that older ones are known as such. */
  readonly held: Held | null
  readonly need: Need
  /** When a refused token was last replaced: the next one is not refused at once, whatever an API says. */
  readonly replacedAt: number
  /** What is under way: a sign-in, or the refresh itself. */
  readonly running: object | 'entry' | null
  readonly fails: number
  /** What the last refresh failed with. */
  readonly error: SessionError | null
  /** Nobody asks the server before. */
  readonly retryAt: number
  readonly reason: EndReason
  /** The epoch that a sign-out began: sign-ins of earlier ones are not wanted any more. */
  readonly out: number
  /** The session that ended last: nothing brings it back. */
  readonly dead: string | null
}

export const initial: State = {
  phase: 'pending',
  epoch: 0,
  sid: null,
  held: null,
  need: 0,
  replacedAt: -Infinity,
  running: null,
  fails: 0,
  error: null,
  retryAt: 0,
  reason: 'none',
  out: 0,
  dead: null,
}

const isOpen = ({ phase }: State): boolean => phase !== 'signedOut'

/** A sign-in is under way: what others know of the session before does not count. */
export const isEntering = ({ running }: State): boolean => running === 'entry'

/** A new epoch, with nothing left of the last but what must not come back. */
const turn = ({ epoch, dead }: State, rest: Partial<State>): State => ({
  ...initial,
  epoch: epoch + 1,
  dead,
  ...rest,
})

export const signedOut = (state: State, reason: EndReason): State =>
  turn(state, { phase: 'signedOut', reason, out: state.epoch + 1, dead: state.sid ?? state.dead })

/** Begins, knowing of a session that ended. */
export const start = (state: State, dead: string | null): State => turn(state, { dead })

export const refreshing = (state: State, running: object): State => ({ ...state, running })

/** A refresh under way is called off. */
export const calledOff = (state: State): State =>
  isEntering(state) ? state : { ...state, epoch: state.epoch + 1, running: null }

/** Before a sign-in, whose cookies must be the last to come: nothing else is under way. */
export const entering = (state: State): State => ({ ...state, epoch: state.epoch + 1, running: 'entry' })

/** After it, if nothing came of it. */
export const entered = (state: State, asked: number): State =>
  isEntering(state) && asked === state.epoch ? { ...state, running: null } : state

/** A token arrived: for the epoch that asked for it, or, without one, from another tab. */
export function adopt(state: State, held: Held, now: number, asked?: number): State {
  const { epoch, sid, dead, retryAt } = state
  const isSame = held.sid === sid
  const isExpected = asked ? asked === epoch : !isEntering(state)
  if (!isExpected || held.sid === dead || (isSame && state.held && !isNewer(held, state.held)))
    // Who asked for it is done, and asks again.
    return asked === epoch ? { ...state, running: null, retryAt: Math.max(now + 1_000, retryAt) } : state
  return {
    ...initial,
    phase: 'signedIn',
    // What was asked for another session is not for this one.
    epoch: isSame || !sid ? epoch : epoch + 1,
    sid: held.sid,
    held,
    replacedAt: state.need > 1 ? now : state.replacedAt,
    // A token that is due when it comes (a slow answer, a short life) must not make a loop.
    retryAt: held.due > now ? 0 : now + 1_000,
    dead,
  }
}

/** A refresh failed. Only what says `login` ends the session. */
export function failed(state: State, error: SessionError, now: number, random: number): State {
  const { fails, held, retryAt } = state
  const { code, action, reason, retryAfterMs = 0 } = error
  if (action === 'login')
    return signedOut(state, reason ?? (code === 'NO_SESSION' && !held ? 'none' : 'refused'))
  // Full jitter. A fault of the program or its configuration does not mend itself in seconds.
  const pause = action === 'fix' ? 60_000 : random * Math.min(30_000, 250 * 2 ** fails)
  return {
    ...state,
    running: null,
    fails: fails + 1,
    error,
    retryAt: Math.max(now + retryAfterMs + pause, retryAt),
  }
}

/** Another tab knows that a session ended. */
export const ended = (state: State, sid: string, reason: EndReason): State =>
  isOpen(state) && !isEntering(state) && (state.sid ?? sid) === sid ? signedOut(state, reason) : state

/** Another tab was told to wait, by a server that can be reached. What queues for the lock meanwhile gives up. */
export const waits = (state: State, until: number): State =>
  isEntering(state)
    ? state
    : { ...state, running: null, fails: 0, error: null, retryAt: Math.max(state.retryAt, until) }

/** An API refused the token. One that refuses every token, whatever it is, causes no storm of refreshes. */
export function rejected(state: State, raw: string, now: number): State {
  const { held, need, replacedAt } = state
  return held?.raw === raw && need < 2 && now - replacedAt >= Math.min(10_000, held.life / 5)
    ? { ...state, need: 2 }
    : state
}

/** Somebody asks for a newer token. */
export const wanted = (state: State): State => (state.held && !state.need ? { ...state, need: 1 } : state)

/** What the hint says at the start, and when somebody looks at the tab again: others may have signed in or out. */
export function looked(state: State, sid: string | null): State {
  if (isEntering(state) || (sid && sid === state.sid)) return state
  if (sid && sid !== state.dead) return turn(state, { sid })
  return isOpen(state) ? signedOut(state, state.sid ? 'other-tab' : 'none') : state
}

/** Somebody looks, or the network is back: a pause of our own is over, one that the server asked for is not. */
export const seen = (state: State, retryAt: number): State =>
  state.error && !state.error.retryAfterMs ? { ...state, retryAt: Math.min(state.retryAt, retryAt) } : state

/** When to refresh, by the clock of the token; Infinity: not until something happens. */
export function plan(state: State, isAwake: boolean): number {
  const { held, need, retryAt } = state
  const isNow = !held || need > 0
  return state.running || !isOpen(state) || !(isNow || isAwake)
    ? Infinity
    : Math.max(isNow ? 0 : held.due, retryAt)
}
