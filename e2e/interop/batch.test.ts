/** `countersign token verify --batch` judges what jose signed as jose itself would. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { exportJWK, type GenerateKeyPairResult, generateKeyPair, generateSecret, SignJWT } from 'jose'
import { binary } from '../stack.ts'

type Key = GenerateKeyPairResult['privateKey'] | Uint8Array

const now = 1_800_000_000
const expect = { now, skew: 0, iss: 'https://auth.example', aud: 'api' }

/** One line of the batch, and whether it must be accepted. */
interface Case {
  id: string
  good: boolean
  line: object
}

async function keys(algorithm: string): Promise<{ sign: Key; jwks: object }> {
  if (algorithm === 'HS256') {
    const secret = (await generateSecret(algorithm, { extractable: true })) as Key
    return { sign: secret, jwks: { keys: [await exportJWK(secret)] } }
  }
  const pair = await generateKeyPair(algorithm, { extractable: true })
  return { sign: pair.privateKey, jwks: { keys: [await exportJWK(pair.publicKey)] } }
}

async function cases(algorithm: string): Promise<Case[]> {
  const { sign, jwks } = await keys(algorithm)
  const token = await new SignJWT({ sub: '42' })
    .setProtectedHeader({ alg: algorithm })
    .setIssuer(expect.iss)
    .setAudience(expect.aud)
    .setIssuedAt(now - 10)
    .setExpirationTime(now + 10)
    .sign(sign)
  const shown = (name: string, good: boolean, change: object): Case => {
    const id = `${algorithm}: ${name}`
    return { id, good, line: { id, mode: 'jwt', jwks, algs: [algorithm], token, expect, ...change } }
  }
  return [
    shown('good', true, {}),
    shown('good signature alone', true, { mode: 'jws' }),
    shown('expired', false, { expect: { ...expect, now: now + 10 } }),
    shown('other audience', false, { expect: { ...expect, aud: 'other' } }),
    shown('other issuer', false, { expect: { ...expect, iss: 'https://other.example' } }),
    shown('algorithm not allowed', false, { algs: ['none'] }),
    shown('no key', false, { jwks: { keys: [] } }),
    shown('other key', false, { jwks: (await keys(algorithm)).jwks }),
    shown('cut', false, { token: token.slice(0, -1) }),
  ]
}

test('what jose signed is accepted, and what was spoilt is refused', async () => {
  const all = (await Promise.all(['ES256', 'EdDSA', 'RS256', 'HS256'].map(cases))).flat()
  const batch = spawn(binary, ['token', 'verify', '--batch'], { stdio: ['pipe', 'pipe', 'inherit'] })
  batch.stdin.end(all.map(({ line }) => `${JSON.stringify(line)}\n`).join(''))
  const answers = (await text(batch.stdout))
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.deepEqual(
    answers.map(({ id, ok }) => ({ id, ok })),
    all.map(({ id, good }) => ({ id, ok: good })),
  )
})
