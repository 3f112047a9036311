import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { local, wire } from './codes.ts'
import { refusal } from './errors.ts'

const vectors = JSON.parse(readFileSync(new URL('../../../vectors/codes.json', import.meta.url), 'utf8'))

test('the table of codes is the contract’s', () => {
  const ours = Object.entries(wire).flatMap(([action, codes]) => codes.map(code => [code, action]))
  const theirs = vectors.codes.map(({ code, action }: { code: string; action: string }) => [code, action])
  assert.deepEqual(ours.sort(), theirs.sort())
  assert.deepEqual(vectors.reasons, ['absolute', 'idle', 'logout', 'reuse', 'revoked'])
  for (const code of local) assert(!ours.some(([theirs]) => theirs === code), `${code} has one meaning`)
})

test('an unknown code keeps its action', () => {
  const { code, action } = refusal(401, { error: { code: 'NEW_CODE', action: 'login', message: '' } })
  assert.deepEqual([code, action], ['NEW_CODE', 'login'])
})

test('only our own shape of refusal can sign out', () => {
  const shapes = [
    null,
    'login',
    {},
    { error: null },
    { error: 'SESSION_ENDED' },
    { error: { code: 'SESSION_ENDED' } },
    { error: { action: 'login' } },
    { error: { code: 7, action: 'login' } },
    { error: { code: 'SESSION_ENDED', action: 'logout' } },
  ]
  for (const shape of shapes) assert.equal(refusal(401, shape).action, 'retry', JSON.stringify(shape))
})

test('a server asks to wait for five minutes at most', () => {
  const body = { error: { code: 'RATE_LIMITED', action: 'retry', message: '' } }
  const waits = [null, '2', '99999', 'soon', '-1'].map(after => refusal(429, body, after).retryAfterMs)
  assert.deepEqual(waits, [undefined, 2_000, 300_000, undefined, undefined])
})
