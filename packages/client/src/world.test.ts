import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steadyClock } from './world.ts'

test('no correction of the clock turns it back, and no sleep stops it', () => {
  let [wall, steady] = [1_000_000, 0]
  const now = steadyClock(
    () => wall,
    () => steady,
  )
  const pass = (byWall: number, bySteady: number) => {
    wall += byWall
    steady += bySteady
    return now()
  }
  assert.equal(pass(500, 500), 500)
  assert.equal(pass(-3_600_000, 500), 1_000, 'set back by an hour')
  assert.equal(pass(28_800_000, 0), 28_801_000, 'slept for eight hours')
  assert.equal(pass(501, 500), 28_801_500, 'rounding does not add up')
})
