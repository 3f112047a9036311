import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SessionError } from './errors.ts'
import * as machine from './machine.ts'
import { initial, type State } from './machine.ts'
import { type Held, isNewer } from './token.ts'

const sids = ['ses_a', 'ses_b', 'ses_c'] as const
const sid = fc.constantFrom(...sids)
const maybe = fc.constantFrom(null, ...sids)
const time = fc.integer({ min: 0, max: 100_000 })
const epoch = fc.integer({ min: 0, max: 6 })

const held: fc.Arbitrary<Held> = fc
  .record({ sid, depth: fc.nat(5), issued: fc.nat(5), due: time, life: fc.constant(10_000) })
  .map(({ sid, depth, issued, due, life }) => ({
    sid,
    depth,
    issued,
    due,
    life,
    raw: `${sid}.${depth}.${issued}`,
    asked: due - 8_000,
    ends: due + 2_000,
    claims: { sid, sub: sid },
  }))

const refused = fc.constantFrom(
  new SessionError('SESSION_ENDED', 'login', { reason: 'reuse' }),
  new SessionError('NO_SESSION', 'login'),
)
const failures = fc.constantFrom(
  new SessionError('OFFLINE'),
  new SessionError('RATE_LIMITED', 'retry', { retryAfterMs: 5_000 }),
  new SessionError('CSRF_REJECTED', 'fix'),
)

type Step = { name: string; args: readonly unknown[]; run: (state: State) => State }

/** One function of the machine, with arguments at random. */
const step = <A extends unknown[]>(
  run: (state: State, ...args: A) => State,
  ...args: { [I in keyof A]: fc.Arbitrary<A[I]> }
) =>
  fc.tuple(...args).map((args): Step => ({ name: run.name, args, run: state => run(state, ...(args as A)) }))

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

const steps: fc.Arbitrary<Step> = fc.oneof(
  // As a tab does: only when it is time.
  step(function refreshing(state: State, running: object) {
    return machine.plan(state, true) < Infinity ? machine.refreshing(state, running) : state
  }, fc.constant({})),
  step(machine.calledOff),
  step(machine.adopt, held, time, fc.constant(undefined)),
  step(machine.adopt, held, time, epoch),
  step(
    // Of a refresh: none is sent without a session, and a sign-in calls it off.
    function failed(state: State, error: SessionError, now: number, random: number) {
      return state.phase === 'signedOut' || machine.isEntering(state)
        ? state
        : machine.failed(state, error, now, random)
    },
    fc.oneof(refused, failures),
    time,
    random,
  ),
  step(machine.ended, sid, fc.constant('other-tab' as const)),
  step(machine.waits, time),
  step(
    machine.rejected,
    held.map(held => held.raw),
    time,
  ),
  step(machine.wanted),
  step(machine.looked, maybe),
  step(machine.seen, time),
  step(machine.entering),
  step(machine.entered, epoch),
  step(machine.signedOut, fc.constant('user' as const)),
)

/** What holds of every step, whatever happens in whatever order. */
function judge(before: State, { name, args }: Step, after: State): void {
  assert(after.epoch >= before.epoch, 'epochs only grow')
  assert((after.phase === 'signedIn') === (after.held !== null), 'signed in is having had a token')
  if (after.held) assert.equal(after.held.sid, after.sid)
  if (after.phase === 'signedOut')
    assert.equal(after.need > 0 || (after.running && !machine.isEntering(after)) || after.fails > 0, false)

  if (after.held !== before.held && after.held) {
    assert.notEqual(after.held.sid, before.dead, 'a session that ended never comes back')
    if (before.held?.sid === after.held.sid) assert(isNewer(after.held, before.held), 'tokens only get newer')
    assert.equal(name, 'adopt')
    const [, , asked] = args
    if (asked) assert.equal(asked, before.epoch, 'a late answer changes nothing')
    else assert(!machine.isEntering(before), 'no other tab is heard during a sign-in')
  }
  if (name === 'signedOut') {
    assert.equal(after.phase, 'signedOut')
    assert(after.epoch > before.epoch && !after.running, 'nothing under way outlives a sign-out')
  }
  if (before.phase !== 'signedOut' && after.phase === 'signedOut' && name === 'failed')
    assert.equal((args[0] as SessionError).action, 'login', 'no failure but a typed refusal signs out')
  if (before.phase === 'signedIn' && after.phase !== 'signedIn')
    assert(['failed', 'ended', 'looked', 'signedOut'].includes(name), name)
  if (before.sid && after.phase === 'signedIn' && after.sid !== before.sid)
    assert(after.epoch > before.epoch, 'another session is another epoch')

  const next = machine.plan(after, true)
  if (after.running) assert.equal(next, Infinity, 'one request at a time')
  else if (after.phase !== 'signedOut') {
    assert(next < Infinity, 'a tab that is looked at always has its next try')
    // What the server asked for, of this tab or another.
    const until =
      name === 'waits' && !machine.isEntering(before)
        ? (args[0] as number)
        : name === 'failed'
          ? (args[1] as number) + ((args[0] as SessionError).retryAfterMs ?? 0)
          : name === 'seen' && before.error?.retryAfterMs
            ? before.retryAt
            : 0
    if (after.retryAt !== before.retryAt || name === 'seen')
      assert(next >= until, 'the server is not asked before it said')
  } else assert.equal(next, Infinity, 'nobody asks for a session that is not there')
}

test('no sequence of events breaks a promise', () => {
  fc.assert(
    fc.property(fc.array(steps, { minLength: 1, maxLength: 60 }), steps => {
      let state = machine.looked(machine.start(initial, null), 'ses_a')
      for (const step of steps) {
        const after = step.run(state)
        judge(state, step, after)
        state = after
      }
    }),
    { numRuns: 3_000 },
  )
})

test('a failure waits longer each time, up to 30 s', () => {
  let state = machine.looked(machine.start(initial, null), 'ses_a')
  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    state = machine.failed(state, new SessionError('OFFLINE'), 0, 1)
    waits.push(state.retryAt)
  }
  assert.deepEqual(waits.slice(0, 4), [250, 500, 1_000, 2_000])
  assert.equal(waits.at(-1), 30_000)
})

test('a refresh whose answer cannot be adopted is tried again', () => {
  const held: Held = {
    raw: 'old',
    sid: 'ses_a',
    depth: 1,
    issued: 1,
    life: 10_000,
    asked: 0,
    ends: 10_000,
    due: 8_000,
    claims: { sid: 'ses_a', sub: 'ann' },
  }
  const pending = machine.looked(machine.start(initial, 'ses_b'), 'ses_a')
  const signedIn = machine.adopt(pending, { ...held, depth: 2 }, 0)
  for (const [state, answer] of [
    [machine.wanted(signedIn), held],
    [machine.wanted(signedIn), { ...held, sid: 'ses_b' }],
    [pending, { ...held, sid: 'ses_b' }],
  ] as const) {
    const running = machine.refreshing(state, {})
    assert.equal(machine.adopt(running, answer, 9_000, running.epoch - 1), running, 'not who asked')
    const after = machine.adopt(running, answer, 9_000, running.epoch)
    assert.equal(after.held, state.held)
    assert.equal(machine.plan(after, true), 10_000)
    const told = { ...running, retryAt: 60_000 }
    assert.equal(machine.plan(machine.adopt(told, answer, 9_000, told.epoch), true), 60_000)
  }
})
