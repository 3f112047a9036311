import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { heardToken, type Message } from './channel.ts'
import { createSession } from './index.ts'
import { Browser, ManualClock, MemoryServer } from './testing.ts'

const claims = (sid: string) => `e30.${btoa(JSON.stringify({ sub: 'ann', sid }))}.x`
const good = {
  t: 'token',
  raw: claims('ses_1'),
  sid: 'ses_1',
  depth: 1,
  issued: 1,
  life: 9_000,
  left: 5_000,
  sent: 0,
} as const

test('a token that was long under way has that much less left', () => {
  const clock = new ManualClock()
  const world = new Browser(new MemoryServer(clock).serve, clock).tab()
  clock.time = 4_000
  assert.equal(heardToken(good, world, 100, 0.8)?.end, 1_100)
  clock.time = 60_000
  assert.equal(heardToken(good, world, 100, 0.8)?.end, 100)
})

test('what a message says must fit together', () => {
  const clock = new ManualClock()
  const world = new Browser(new MemoryServer(clock).serve, clock).tab()
  const wrong: Partial<Record<keyof typeof good, unknown>>[] = [
    { raw: 7 },
    { raw: 'no token' },
    { raw: claims('ses_2') },
    { sid: 'ses_2' },
    { depth: -1 },
    { depth: '1' },
    { issued: Number.NaN },
    { left: 10_000 },
    { left: Infinity },
    { life: 'long' },
  ]
  for (const part of wrong)
    assert.equal(
      heardToken({ ...good, ...part } as Message & { t: 'token' }, world, 0, 0.8),
      null,
      JSON.stringify(part),
    )
})

test('nothing said on the channel breaks a session or signs anybody in', async () => {
  const clock = new ManualClock()
  const browser = new Browser(new MemoryServer(clock).serve, clock)
  const session = createSession({ world: browser.tab() })
  await session.start()
  const line = browser.tab().channel?.('countersign:default')
  const kind = fc.constantFrom('ask', 'token', 'wait', 'out', 'in', null, 7)
  const message = fc.oneof(
    fc.anything(),
    fc.record({
      v: fc.constantFrom(1, 2),
      t: kind,
      sid: fc.anything(),
      raw: fc.anything(),
      ms: fc.anything(),
      depth: fc.anything(),
    }),
  )
  await fc.assert(
    fc.asyncProperty(message, async said => {
      try {
        structuredClone(said)
      } catch {
        return
      }
      line?.postMessage(said)
      await clock.settle()
      assert.equal(session.getSnapshot().status, 'signedOut')
    }),
    { numRuns: 300 },
  )
})
