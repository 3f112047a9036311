/** The article from "JWT Structure" to "How to Check if the User Is Logged In". */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  ask,
  claims,
  expect,
  expectAt,
  fillIn,
  fingerprint,
  jwt,
  me,
  signIn,
  stored,
  test,
} from './reader.ts'
import { bundle } from './site.ts'

test('JWT Structure: anybody reads the token, and nobody changes it', async ({ open, ann }) => {
  const page = await open('app')
  await signIn(page, ann)
  const token = await jwt(page)
  expect(claims(token)).toMatchObject({
    aud: 'api',
    'https://hasura.io/jwt/claims': { 'x-hasura-default-role': 'user' },
  })
  expect(await ask(page, token)).toBe(ann.email)
  const [header, , signature] = token.split('.')
  const payload = Buffer.from(JSON.stringify({ ...claims(token), sub: 'usr_0' })).toString('base64url')
  expect(await ask(page, [header, payload, signature].join('.'))).toBe('TOKEN_INVALID')
})

test('Login, as written: refused, since a form of another site could send the same', async ({
  open,
  ann,
}) => {
  const page = await open('as-written')
  const refused = page.waitForResponse('**/auth/login')
  const left = page.waitForURL('**/')
  await fillIn(page, ann)
  expect((await refused).status()).toBe(415)
  await left
  // It does not look at the status, and stores what is not there
  await expect.poll(() => stored(page)).toEqual({ jwt: 'undefined' })
})

test('Login, corrected', async ({ open, ann }) => {
  const page = await open('app')
  await fillIn(page, { ...ann, password: 'not the password of hers' })
  await expect(page.getByRole('alert')).toContainText('wrong')
  await signIn(page, ann)
  expect(await me(page)).toBe(ann.email)
})

test('Where to store, as written: `await` in a function that is not async', () => {
  const code = readFileSync(join(import.meta.dirname, 'as-written/handle-login.js'), 'utf8')
  expect(() => bundle(code)).toThrow('"await" can only be used inside an "async" function')
})

test('Where to store, corrected: what a script can steal is worth nothing without the fingerprint cookie', async ({
  open,
  ann,
  context,
  browser,
}) => {
  const page = await open('app')
  await signIn(page, ann)
  const tokens = await stored(page)
  expect(Object.keys(tokens).sort()).toEqual(['jwt', 'refreshToken'])
  expect(await page.evaluate(() => [{ ...localStorage }, document.cookie])).toEqual([{}, ''])
  const [cookie, ...others] = await context.cookies()
  expect(others).toEqual([])
  expect(cookie).toMatchObject({
    name: '__Host-csfp',
    httpOnly: true,
    secure: true,
    sameSite: 'Lax',
    expires: -1,
  })

  const thief = await open('app', '/login', await browser.newContext())
  const refresh = (fingerprintHash: string) =>
    thief.evaluate(
      async variables => {
        const query = `query RefreshJwtToken($refreshToken: String!, $fingerprintHash: String!) {
          refreshJwtToken(refreshToken: $refreshToken, fingerprintHash: $fingerprintHash) { jwt }
        }`
        const headers = { 'Content-Type': 'application/json' }
        const body = JSON.stringify({ query, variables })
        const answer = await (await fetch('/graphql', { method: 'POST', headers, body })).json()
        return answer.errors?.[0].extensions.code
      },
      { refreshToken: tokens.refreshToken, fingerprintHash },
    )
  const mine = claims(tokens.jwt ?? '')['https://hasura.io/jwt/claims']['X-User-Fingerprint']
  expect(await ask(thief, tokens.jwt ?? '')).toBe('FINGERPRINT_MISMATCH')
  expect(await refresh(mine)).toBe('FINGERPRINT_MISMATCH')
  // The article's backend would believe a cookie and the hash of it, both of the thief's own
  const value = 'A'.repeat(43)
  await fingerprint(thief.context(), value)
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(value))
  expect(await refresh(Buffer.from(digest).toString('hex'))).toBe('FINGERPRINT_MISMATCH')
  await thief.context().close()
  expect(await me(page)).toBe(ann.email)
})

for (const code of ['as-written', 'app', 'sdk'] as const)
  test(`How to check if the user is logged in, ${code}: who is not goes to /login`, async ({ open }) => {
    const page = await open(code, '/')
    await expectAt(page, '/login')
    await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible()
  })

test('Login, by the SDK: no token where a script finds it later', async ({ open, ann, context }) => {
  const page = await open('sdk')
  await signIn(page, ann)
  expect(claims((await page.evaluate(() => window.getJwtToken())) ?? '')).toMatchObject({ aud: 'api' })
  const readable = await page.evaluate(() => [{ ...sessionStorage }, { ...localStorage }, document.cookie])
  expect(JSON.stringify(readable)).not.toMatch(/eyJ|cs_rt_/)
  const cookies = (await context.cookies()).filter(({ httpOnly }) => httpOnly)
  expect(cookies.map(({ name }) => name).sort()).toEqual(['__Host-csfp', '__Host-csrt'])
})
