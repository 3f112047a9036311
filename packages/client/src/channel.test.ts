import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSession } from './index.ts'
import { Browser, ManualClock, MemoryServer } from './testing.ts'
import { hold, type Told } from './token.ts'

const claims = (sid: string) => `e30.${btoa(JSON.stringify({ sub: 'ann', sid }))}.x`

test('a token that was long under way has that much less left', async () => {
  const clock = new ManualClock()
  const browser = new Browser(new MemoryServer(clock).serve, clock)
  const tab = browser.tab()
  clock.time = 50_000
  browser.jar.set('__Host-cshint', 'ses_1.1')
  const session = createSession({ world: tab })
  void session.start()
  const say = browser.tab().channel?.('countersign:default')
  const told = (issued: number) => [claims('ses_1'), 1, issued, 90_000]
  say?.postMessage({ v: 2, t: 'token', told: told(1), age: 40_000, sent: 46_000 })
  await clock.settle()
  assert.equal(session.remainingMs(), 46_000)
  say?.postMessage({ v: 2, t: 'token', told: told(2), age: -5_000, sent: 99_000 })
  await clock.settle()
  assert.equal(session.remainingMs(), 90_000, 'no token lives longer than it was given')
  session.close()
})

test('what a message says must fit together', () => {
  const good = [claims('ses_1'), 1, 1, 9_000] as const
  const wrong: [number, unknown][] = [
    [0, 7],
    [0, 'no token'],
    [0, 'e30.e30.x'],
    [1, '1'],
    [2, Number.NaN],
    [3, 'long'],
    [3, Infinity],
  ]
  assert.equal(hold(good, 0, 0.8)?.end, 9_000)
  for (const [at, part] of wrong)
    assert.equal(hold(good.with(at, part as string) as unknown as Told, 0, 0.8), null, JSON.stringify(part))
  assert.equal(hold(good, Number.NaN, 0.8), null)
  for (const none of [null, 'token', {}]) assert.equal(hold(none as unknown as Told, 0, 0.8), null)
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
      v: fc.constantFrom(1, 2, 2, 2),
      t: kind,
      sid: fc.anything(),
      told: fc.oneof(
        fc.anything(),
        fc.tuple(fc.constant(claims('ses_1')), fc.anything(), fc.anything(), fc.anything()),
      ),
      age: fc.anything(),
      sent: fc.anything(),
      ms: fc.anything(),
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
