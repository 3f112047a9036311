/**
 * The session of one tab as a pure function: (state, event) → state. No I/O, no clock, no random numbers.
 *
 *   idle ─► checking ─► in ◄──► out          closed, from anywhere
 *     └────────────────────────► out         no hint: nobody asks the server
 *
 * Each sign-out, and each change of who is signed in, begins a new epoch. The answer of a request that an earlier
 * epoch sent changes nothing. `plan` says when to refresh next: it is asked after every event, so that no failure
 * can leave a tab without its next try.
 */

import type { SessionError } from './errors.ts'
import type { Held } from './token.ts'
import { isNewer } from './token.ts'
import type { EndReason } from './types.ts'

export interface State {
  readonly phase: 'checking' | 'closed' | 'idle' | 'in' | 'out'
  readonly epoch: number
  /** The session we are in, or that the hint names. */
  readonly sid: string | null
  /** The newest access token, kept when it is too old to show, so that older ones are known as such. */
  readonly held: Held | null
  /** An API refused the token: it is not handed out again. */
  readonly isRefused: boolean
  /** Renew now, whatever the schedule says. */
  readonly isForced: boolean
  /** Somebody asked for the token: renew on schedule although nobody looks at the tab. */
  readonly isWanted: boolean
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
  isRefused: false,
  isForced: false,
  isWanted: false,
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

export type Event =
  /** `sid`: what the hint names; undefined if this page cannot read it and has to ask. */
  | { type: 'start'; sid: string | null | undefined; dead: string | null }
  | { type: 'refreshing' }
  /** A refresh that ended without an answer to judge: called off, or another tab was first. */
  | { type: 'settled'; epoch: number }
  | { type: 'token'; held: Held; from: { epoch: number } | { entry: number } | 'peer'; now: number }
  | { type: 'failed'; epoch: number; error: SessionError; now: number; random: number }
  | { type: 'ended'; sid: string | null; reason: EndReason }
  | { type: 'wait'; notBefore: number }
  | { type: 'rejected'; raw: string; now: number }
  | { type: 'wanted'; force: boolean }
  | { type: 'looked'; sid: string | null }
  | { type: 'online'; retryAt: number }
  | { type: 'entering'; entry: number }
  | { type: 'entered'; entry: number }
  | { type: 'signOut' }
  | { type: 'close' }

/** No session can be ended by what comes later, or by what is answered to an earlier epoch. */
const out = (state: State, reason: EndReason): State => ({
  ...initial,
  phase: 'out',
  epoch: state.epoch + 1,
  entry: state.entry,
  reason,
  dead: state.sid ?? state.dead,
})

const checking = (state: State, sid: string | null): State => ({
  ...initial,
  phase: 'checking',
  epoch: state.epoch + 1,
  sid,
  dead: state.dead,
})

export function reduce(state: State, event: Event): State {
  if (state.phase === 'closed') return state
  const isOpen = state.phase === 'in' || state.phase === 'checking'
  switch (event.type) {
    case 'start':
      if (state.phase !== 'idle') return state
      if (event.sid === null) return { ...out(state, 'none'), dead: event.dead }
      return { ...checking(state, event.sid ?? null), dead: event.dead }
    case 'refreshing':
      return isOpen ? { ...state, isRefreshing: true } : state
    case 'settled':
      return event.epoch === state.epoch ? { ...state, isRefreshing: false } : state
    case 'token':
      return adopt(state, event)
    case 'failed':
      return event.epoch === state.epoch && isOpen ? fail(state, event) : state
    case 'ended':
      return isOpen && (state.sid ?? event.sid) === event.sid ? out(state, event.reason) : state
    case 'wait':
      return isOpen ? { ...state, notBefore: Math.max(state.notBefore, event.notBefore) } : state
    case 'rejected':
      return reject(state, event)
    case 'wanted':
      return state.phase === 'in'
        ? { ...state, isWanted: true, isForced: state.isForced || event.force }
        : state
    case 'looked':
      return look(state, event.sid)
    case 'online':
      return state.fails ? { ...state, retryAt: Math.min(state.retryAt, event.retryAt) } : state
    case 'entering':
      // A refresh under way is called off: its cookies must not come after those of the sign-in.
      return { ...state, epoch: state.epoch + 1, isRefreshing: false, entry: event.entry }
    case 'entered':
      return event.entry === state.entry ? { ...state, entry: 0 } : state
    case 'signOut':
      return { ...out(state, 'user'), entry: 0 }
    case 'close':
      return { ...initial, phase: 'closed', epoch: state.epoch + 1 }
  }
}

function adopt(state: State, { held, from, now }: Event & { type: 'token' }): State {
  const isSame = held.sid === state.sid
  if (held.sid === state.dead || (isSame && state.held && !isNewer(held, state.held))) return state
  if (from === 'peer') {
    if (state.phase === 'idle' || state.entry) return state
  } else if (
    'epoch' in from ? from.epoch !== state.epoch || state.phase === 'out' : from.entry !== state.entry
  )
    return state
  const isAnother = !isSame && state.sid !== null
  return {
    ...initial,
    phase: 'in',
    // What was asked for another session is not for this one.
    epoch: state.epoch + (isAnother ? 1 : 0),
    sid: held.sid,
    held,
    isRefreshing: from === 'peer' && state.isRefreshing && !isAnother,
    replacedAt: state.isRefused ? now : state.replacedAt,
    // A token that is due when it comes (a slow answer, a short life) must not make a loop.
    retryAt: held.due > now ? 0 : now + 1_000,
    dead: state.dead,
  }
}

function fail(state: State, { error, now, random }: Event & { type: 'failed' }): State {
  if (error.action === 'login') {
    const reason = error.reason ?? (error.code === 'NO_SESSION' && !state.held ? 'none' : 'refused')
    return out(state, reason)
  }
  const asked = error.retryAfterMs ? now + error.retryAfterMs + random * 500 : state.notBefore
  return {
    ...state,
    isRefreshing: false,
    fails: state.fails + 1,
    error,
    retryAt: now + backoff(error, state.fails, random),
    notBefore: Math.max(asked, state.notBefore),
  }
}

/** Full jitter. A fault of the program or its configuration does not mend itself in seconds. */
const backoff = (error: SessionError, fails: number, random: number): number =>
  error.action === 'fix' ? 60_000 : random * Math.min(30_000, 250 * 2 ** fails)

function reject(state: State, { raw, now }: Event & { type: 'rejected' }): State {
  const { held } = state
  if (state.phase !== 'in' || held?.raw !== raw || state.isRefused) return state
  // An API that refuses every token, whatever it is, causes no storm of refreshes.
  if (now - state.replacedAt < Math.min(10_000, held.life / 5)) return state
  return { ...state, isRefused: true, isForced: true }
}

/** What the hint says when somebody looks at the tab again: others may have signed in or out meanwhile. */
function look(state: State, sid: string | null): State {
  if (state.phase === 'idle' || state.entry || sid === state.sid) return state
  if (sid && sid !== state.dead) return checking(state, sid)
  return state.sid ? out(state, 'other-tab') : state
}

/** When to refresh, by the clock of the token; Infinity: not until something happens. */
export function plan(state: State, isAwake: boolean): number {
  const { phase, held } = state
  if (state.isRefreshing || state.entry || (phase !== 'in' && phase !== 'checking')) return Infinity
  const isNow = phase === 'checking' || !held || state.isForced
  if (!isNow && !isAwake && !state.isWanted) return Infinity
  return Math.max(isNow ? 0 : held.due, state.retryAt, state.notBefore)
}
