/** Other people's verifiers, given nothing but the JWKS URL, accept our access tokens and refuse bad ones. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passing } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
import { Stack } from '../stack.ts'
import { Visitor } from '../visitor.ts'

interface Expected {
  jwks: string
  algorithm: string
  issuer: string
  audience: string
}

/** Answers "ok", or what the verifier calls the fault. */
type Verifier = (token: string, expected: Expected) => Promise<string>

const jose: Verifier = async (token, { jwks, algorithm, issuer, audience }) => {
  try {
    const keys = createRemoteJWKSet(new URL(jwks))
    await jwtVerify(token, keys, { algorithms: [algorithm], issuer, audience, typ: 'at+jwt' })
    return 'ok'
  } catch (error) {
    if (error instanceof errors.JOSEError) return error.code
    throw error
  }
}

const pyjwt: Verifier = async (token, { jwks, algorithm, issuer, audience }) => {
  const script = `${import.meta.dirname}/verify.py`
  const run = await promisify(execFile)('.venv/bin/python', [
    script,
    jwks,
    algorithm,
    issuer,
    audience,
    token,
  ])
  return run.stdout.trim()
}

const verifiers = [
  {
    name: 'jose',
    verify: jose,
    says: {
      audience: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
      expired: 'ERR_JWT_EXPIRED',
      issuer: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
      tampered: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    },
  },
  {
    name: 'PyJWT',
    verify: pyjwt,
    says: {
      audience: 'InvalidAudienceError',
      expired: 'ExpiredSignatureError',
      issuer: 'InvalidIssuerError',
      tampered: 'InvalidSignatureError',
    },
  },
]

/** The same header and signature around the claims of somebody else. */
function tampered(token: string): string {
  const [header, , signature] = token.split('.')
  const claims = { ...decodeJwt(token), sub: 'somebody-else' }
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
}

for (const algorithm of ['ES256', 'EdDSA', 'RS256']) {
  // At once, so that the expiries are waited for together.
  describe(algorithm, { concurrency: true }, () => {
    let stack: Stack
    let visitor: Visitor
    let expected: Expected
    before(async () => {
      stack = await Stack.start({ 'signing-alg': algorithm, 'access-ttl': '5s' })
      expected = { jwks: `${stack.url}/.well-known/jwks.json`, algorithm, issuer: stack.url, audience: 'api' }
      ;[visitor] = await Visitor.signedUp(stack.url)
    })
    after(() => stack.remove())

    for (const { name, verify, says } of verifiers) {
      // A fresh one for each case, so that no refusal is the expiry's by accident.
      const token = async () => (await visitor.refresh()).jwt_token

      test(`${name} accepts a good token`, async () => {
        assert.equal(await verify(await token(), expected), 'ok')
      })
      test(`${name} refuses a token for another audience`, async () => {
        assert.equal(await verify(await token(), { ...expected, audience: 'other' }), says.audience)
      })
      test(`${name} refuses a token of another issuer`, async () => {
        assert.equal(
          await verify(await token(), { ...expected, issuer: 'https://other.example' }),
          says.issuer,
        )
      })
      test(`${name} refuses a tampered token`, async () => {
        assert.equal(await verify(tampered(await token()), expected), says.tampered)
      })
      test(`${name} refuses an expired token`, async () => {
        const { jwt_token, expires_in } = await visitor.refresh()
        await passing(expires_in * 1000 + 1000)
        assert.equal(await verify(jwt_token, expected), says.expired)
      })
    }
  })
}
