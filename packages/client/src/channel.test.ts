import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSession } from './index.ts'
import { Browser, ManualClock, MemoryServer } from './testing.ts'
import { hold, type Told } from './token.ts'

const token = (parts: object): Told => ({
  jwt_token: claims('ses_1'),
  expires_in: 9,
  server_time: 1,
  session: { depth: 1 },
  ...parts,
})
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
  const told = (issued: number) => token({ server_time: issued, expires_in: 90 })
  say?.postMessage({ v: 3, t: 'token', told: told(1), born: 6_000 })
  await clock.settle()
  assert.equal(session.remainingMs(), 46_000)
  say?.postMessage({ v: 3, t: 'token', told: told(2), born: 99_000 })
  await clock.settle()
  assert.equal(session.remainingMs(), 90_000, 'no token lives longer than it was given')
  session.close()
})

test('what a message says must fit together', () => {
  const wrong = [
    { jwt_token: 7 },
    { jwt_token: 'no token' },
    { jwt_token: 'e30.e30.x' },
    { session: null },
    { session: { depth: '1' } },
    { server_time: Number.NaN },
    { server_time: undefined },
    { expires_in: 'long' },
    { expires_in: Infinity },
  ]
  assert.equal(hold(token({}), 0, 0.8)?.ends, 9_000)
  for (const part of wrong) assert.equal(hold(token(part), 0, 0.8), null, JSON.stringify(part))
  assert.equal(hold(token({}), Number.NaN, 0.8), null)
  for (const none of [null, undefined, 'token', {}]) assert.equal(hold(none, 0, 0.8), null)
})

test('GraphQL tells a token by its own names', () => {
  const told = { jwt: claims('ses_1'), expiresIn: 9, serverTime: 1, session: { depth: 1 } }
  assert.deepEqual(hold(told, 0, 0.8), hold(token({}), 0, 0.8))
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
      v: fc.constantFrom(2, 3, 3, 3),
      t: kind,
      sid: fc.anything(),
      told: fc.oneof(
        fc.anything(),
        fc.record({
          jwt_token: fc.constant(claims('ses_1')),
          expires_in: fc.anything(),
          server_time: fc.anything(),
          session: fc.record({ depth: fc.anything() }),
        }),
      ),
      born: fc.anything(),
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
