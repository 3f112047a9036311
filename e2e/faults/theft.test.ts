/** An old refresh token shows up again: somebody copied it, so the session ends. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as passing } from 'node:timers/promises'
import { Stack } from '../stack.ts'
import { Visitor } from '../visitor.ts'

let stack: Stack
before(async () => {
  stack = await Stack.start({ flight: '0.3s', grace: '1s' })
})
after(() => stack.remove())

test('a token two generations old, shown after the grace, ends the session', async () => {
  const [owner] = await Visitor.signedUp(stack.url)
  const thief = owner.copy()
  for (let generation = 1; generation <= 3; generation++) {
    await owner.refresh()
    await passing(1100)
  }

  const reuse = { status: 401, code: 'SESSION_ENDED', reason: 'reuse' }
  await assert.rejects(thief.refresh(), reuse)
  await assert.rejects(owner.refresh(), reuse, 'the owner is told, and signs in again')
})

test('a token from the wrong sender ends nothing', async () => {
  const [owner] = await Visitor.signedUp(stack.url)
  const [other] = await Visitor.signedUp(stack.url)
  const thief = owner.copy()
  thief.cookies.set('__Host-csfp', other.cookies.get('__Host-csfp') ?? '')

  await assert.rejects(thief.refresh(), { status: 401, code: 'FINGERPRINT_MISMATCH' })
  await owner.refresh()
})
