import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SessionError } from './errors.ts'
import { type Event, initial, plan, reduce, type State } from './machine.ts'
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
    end: due + 2_000,
    claims: { sid, sub: sid },
  }))

const refused = fc.constantFrom(
  new SessionError('SESSION_ENDED', 'login', '', 401, 'reuse'),
  new SessionError('NO_SESSION', 'login', '', 401),
)
const failed = fc.constantFrom(
  SessionError.of('OFFLINE'),
  new SessionError('RATE_LIMITED', 'retry', '', 429, undefined, 5_000),
  new SessionError('CSRF_REJECTED', 'fix', '', 403),
)

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    type: fc.constant('start' as const),
    sid: fc.constantFrom(undefined, null, ...sids),
    dead: maybe,
  }),
  fc.record({ type: fc.constant('refreshing' as const) }),
  fc.record({ type: fc.constant('settled' as const), epoch }),
  fc.record({
    type: fc.constant('token' as const),
    held,
    from: fc.oneof(
      fc.constant('peer' as const),
      fc.record({ epoch }),
      fc.record({ entry: fc.integer({ min: 1, max: 3 }) }),
    ),
    now: time,
  }),
  fc.record({
    type: fc.constant('failed' as const),
    epoch,
    error: fc.oneof(refused, failed),
    now: time,
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  }),
  fc.record({ type: fc.constant('ended' as const), sid: maybe, reason: fc.constant('other-tab' as const) }),
  fc.record({ type: fc.constant('wait' as const), notBefore: time }),
  fc.record({ type: fc.constant('rejected' as const), raw: held.map(held => held.raw), now: time }),
  fc.record({ type: fc.constant('wanted' as const), force: fc.boolean() }),
  fc.record({ type: fc.constant('looked' as const), sid: maybe }),
  fc.record({ type: fc.constant('online' as const), retryAt: time }),
  fc.record({ type: fc.constant('entering' as const), entry: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('entered' as const), entry: fc.integer({ min: 1, max: 3 }) }),
  fc.constant({ type: 'signOut' as const }),
)

/** What holds of every step, whatever happens in whatever order. */
function judge(before: State, event: Event, after: State): void {
  assert(after.epoch >= before.epoch, 'epochs only grow')
  assert((after.phase === 'in') === (after.held !== null), 'signed in is having had a token')
  if (after.held) assert.equal(after.held.sid, after.sid)
  if (after.phase === 'out') assert.equal(after.isForced || after.isRefreshing || after.fails > 0, false)

  if (after.held !== before.held && after.held) {
    assert.notEqual(after.held.sid, before.dead, 'a session that ended never comes back')
    if (before.held?.sid === after.held.sid) assert(isNewer(after.held, before.held), 'tokens only get newer')
    assert(event.type === 'token')
    const { from } = event
    if (from !== 'peer' && 'epoch' in from)
      assert.equal(from.epoch, before.epoch, 'a late answer changes nothing')
    if (from !== 'peer' && 'entry' in from) assert.equal(from.entry, before.entry, 'nor a late sign-in')
  }
  if (event.type === 'signOut') {
    assert.equal(after.phase, 'out')
    assert(after.epoch > before.epoch && after.entry === 0, 'nothing under way outlives a sign-out')
  }
  if (before.phase !== 'out' && after.phase === 'out' && event.type === 'failed')
    assert.equal(event.error.action, 'login', 'no failure but a typed refusal signs out')
  if (before.phase === 'in' && after.phase !== 'in')
    assert(['failed', 'ended', 'looked', 'signOut'].includes(event.type), event.type)
  if (before.sid && after.phase === 'in' && after.sid !== before.sid)
    assert(after.epoch > before.epoch || event.type === 'token', 'another session is another epoch')

  const next = plan(after, true)
  if (after.isRefreshing || after.entry) assert.equal(next, Infinity, 'one request at a time')
  else if (after.phase === 'in' || after.phase === 'checking') {
    assert(next < Infinity, 'a tab that is looked at always has its next try')
    assert(next >= after.notBefore, 'the server is not asked before it said')
  } else assert.equal(next, Infinity, 'nobody asks for a session that is not there')
}

test('no sequence of events breaks a promise', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 60 }), events => {
      let state = reduce(initial, { type: 'start', sid: 'ses_a', dead: null })
      for (const event of events) {
        const after = reduce(state, event)
        judge(state, event, after)
        state = after
      }
    }),
    { numRuns: 3_000 },
  )
})

test('nothing changes a closed session', () => {
  fc.assert(
    fc.property(fc.array(event), events => {
      const closed = reduce(initial, { type: 'close' })
      assert.equal(events.reduce(reduce, closed), closed)
    }),
  )
})

test('a failure waits longer each time, up to 30 s', () => {
  let state = reduce(initial, { type: 'start', sid: 'ses_a', dead: null })
  const waits: number[] = []
  for (let i = 0; i < 12; i++) {
    state = reduce(state, {
      type: 'failed',
      epoch: state.epoch,
      error: SessionError.of('OFFLINE'),
      now: 0,
      random: 1,
    })
    waits.push(state.retryAt)
  }
  assert.deepEqual(waits.slice(0, 4), [250, 500, 1_000, 2_000])
  assert.equal(waits.at(-1), 30_000)
})
