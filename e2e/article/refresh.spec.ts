/** The article's "Silent Refresh", with the tabs and the browsers that it is to survive. */
import {
  claims,
  expect,
  expectAt,
  expectHome,
  expired,
  jwt,
  looksExpired,
  me,
  putTokens,
  refreshes,
  signIn,
  stored,
  test,
} from './reader.ts'

test('Silent refresh, as written: the answer is there, and is not found in it', async ({
  open,
  site,
  ann,
  complaints,
}) => {
  site.links = 'refresh'
  const page = await open('as-written')
  await putTokens(page, ann)
  const before = await stored(page)
  await looksExpired(page)
  const seen = refreshes(page)
  void me(page).catch(() => {})
  await expect.poll(() => seen.answers.length).toBe(1)
  // The server answers the query, as the article writes it
  const answer = JSON.parse((await seen.answers[0]) ?? '')
  expect(claims(answer.data.refreshJwtToken.jwt).sub).toBe(claims(before.jwt ?? '').sub)
  await expect.poll(() => complaints.join()).toContain("reading 'jwt'")
  complaints.length = 0
  // It clears localStorage, where no token is
  expect(await stored(page)).toEqual(before)
})

test('Silent refresh, as written, on the link of today: nothing is asked at all', async ({
  open,
  site,
  ann,
}) => {
  site.links = 'refresh'
  const page = await open('as-written-0.7')
  await putTokens(page, ann)
  await expect(page.evaluate(() => window.me())).rejects.toThrow('then is not a function')
})

test('Silent refresh, as written, of an endpoint on another origin: without the cookie', async ({
  open,
  site,
  ann,
  complaints,
}) => {
  Object.assign(site, { links: 'refresh', endpoint: `${site.stack.url}/graphql` })
  const page = await open('as-written')
  await putTokens(page, ann)
  await looksExpired(page)
  const seen = refreshes(page)
  void me(page).catch(() => {})
  await expect.poll(() => seen.answers.length).toBe(1)
  expect(await seen.answers[0]).toContain('FINGERPRINT_MISMATCH')
  await expect.poll(() => complaints.length).toBeGreaterThan(0)
  complaints.length = 0
})

for (const where of ['this', 'another'])
  test(`Silent refresh, corrected: again and again, at ${where} origin`, async ({ open, site, ann }) => {
    if (where === 'another') site.endpoint = `${site.stack.url}/graphql`
    const page = await open('app')
    await signIn(page, ann)
    const seen = refreshes(page)
    const { refreshToken, jwt: first = '' } = await stored(page)
    let token = first
    for (const round of where === 'this' ? [1, 2] : [1]) {
      if (where === 'this') await expired(token)
      else await looksExpired(page)
      const answers = await page.evaluate(() => Promise.all([window.me(), window.me(), window.me()]))
      expect(new Set(answers)).toEqual(new Set([ann.email]))
      // Apollo asks once for three of the same
      expect(seen.count()).toBe(round)
      const next = await jwt(page)
      expect(next).not.toBe(token)
      expect(claims(next).sid).toBe(claims(first).sid)
      token = next
    }
    // As the article has it, the first refresh token stays; a client may repeat it at any time
    expect((await stored(page)).refreshToken).toBe(refreshToken)
  })

test('Silent refresh, corrected: no network logs nobody out, and an ended session does', async ({
  open,
  site,
  ann,
}) => {
  const page = await open('app')
  await signIn(page, ann)
  const token = await jwt(page)
  await looksExpired(page)
  await page.route('**/graphql', route => route.abort())
  expect(await me(page)).toContain('refused')
  expect(await jwt(page)).toBe(token)
  await page.unroute('**/graphql')
  expect(await me(page)).toBe(ann.email)
  await site.stack.command('sessions', 'end', ann.email, claims(token).sid)
  await looksExpired(page)
  void me(page).catch(() => {})
  await expectAt(page, '/login')
  expect(await stored(page)).toEqual({})
})

test('Silent refresh, by the SDK: before the token expires', async ({ open, ann }) => {
  const page = await open('sdk')
  await signIn(page, ann)
  const tokens = new Set<string>()
  // Each renewed in time: the page is never without
  while (tokens.size < 2) {
    const token = await page.evaluate(() => window.getJwtToken())
    if (token) tokens.add(token)
    expect(await me(page)).toBe(ann.email)
    await page.waitForTimeout(100)
  }
})

test('Tabs, as written: a new tab has the tokens when it is already at /login', async ({ open, ann }) => {
  const one = await open('as-written')
  await putTokens(one, ann)
  const two = await open('as-written', '/')
  await expectAt(two, '/login')
  await expect.poll(() => stored(two)).toEqual(await stored(one))
})

test('Tabs, corrected: a new tab is signed in, and both renew', async ({ open, ann }) => {
  const one = await open('app')
  await signIn(one, ann)
  const two = await open('app', '/')
  await expectHome(two, ann)
  // Longer than the grace, in which the server would answer both the same
  for (const _ of [1, 2])
    for (const page of [one, two]) {
      await expired(await jwt(page))
      expect(await me(page)).toBe(ann.email)
    }
  expect(await one.evaluate(() => ({ ...localStorage }))).toEqual({})
})

test('Tabs, by the SDK: so is one, without a request for it', async ({ open, ann }) => {
  const one = await open('sdk')
  await signIn(one, ann)
  const two = await open('sdk', '/')
  await expectHome(two, ann)
  expect(await two.evaluate(() => sessionStorage.length)).toBe(0)
})

test('Persisting sessions: sessionStorage ends with the last tab, a cookie with the browser', async ({
  open,
  ann,
}) => {
  for (const [code, path] of [
    ['app', '/login'],
    ['sdk', '/'],
  ] as const) {
    const one = await open(code)
    await signIn(one, ann)
    await one.close()
    const two = await open(code, '/')
    await expectAt(two, path)
    if (code === 'sdk') await expectHome(two, ann)
    await two.close()
  }
})
