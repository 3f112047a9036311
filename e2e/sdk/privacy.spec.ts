import { expect, expectStatus, later, signUp, status, tabsOf, test, token } from './scenario.ts'

test('6 no script finds a secret anywhere', async ({ tabs, figure }) => {
  const page = await tabs.signedIn()
  await page.reload()
  await expectStatus(page, 'signedIn')
  const found = await page.evaluate(async () => {
    const caches = await Promise.all((await window.caches.keys()).map(name => window.caches.open(name)))
    const databases = await indexedDB.databases()
    return JSON.stringify({
      cookie: document.cookie,
      local: { ...localStorage },
      session: { ...sessionStorage },
      state: history.state,
      name: window.name,
      url: location.href,
      caches: caches.length,
      databases,
      // Whatever is reachable from the public object without calling anything.
      object: JSON.stringify(window.session),
      html: document.documentElement.outerHTML,
    })
  })
  expect(found).not.toMatch(/eyJ|cs_rt_/)
  const cookies = await page.context().cookies()
  const secrets = cookies.filter(({ httpOnly }) => httpOnly)
  expect(secrets).toHaveLength(2)
  for (const { value } of secrets) expect(found).not.toContain(value)
  figure('only the hint, and which session is signed in')
})

test('17 a token never goes to another origin', async ({ app, tabs, figure }) => {
  app.csp = 'default-src * ; script-src *'
  const page = await tabs.signedIn()
  app.csp = "default-src 'self'; require-trusted-types-for 'script'"
  const sent: Record<string, string>[] = []
  await page.route('http://other.example/**', async route => {
    sent.push(await route.request().allHeaders())
    await route.fulfill({
      status: 401,
      headers: { 'access-control-allow-origin': '*', 'www-authenticate': 'Bearer error="invalid_token"' },
    })
  })
  await page.evaluate(async () => {
    await window.authorized('http://other.example/api')
    await window.authorized(new Request('http://other.example/api', { method: 'POST', body: '{}' }))
    await window.authorized(new URL('http://other.example/api'))
  })
  expect(sent.length).toBe(3)
  for (const headers of sent) expect(headers.authorization).toBeUndefined()
  expect(app.refreshes()).toBe(0)
  figure(`${sent.length} requests, 0 tokens, 0 refreshes`)
})

test('21 without locks and without a channel every tab is valid, and storage holds signals only', async ({
  app,
  context,
  tabs,
  figure,
}) => {
  await context.addInitScript(() => {
    Object.defineProperty(navigator, 'locks', { value: undefined })
    Object.assign(window, { BroadcastChannel: undefined })
    const write = Storage.prototype.setItem
    const written: string[] = []
    Object.assign(window, { written })
    Storage.prototype.setItem = function (key, value) {
      written.push(`${key}=${value}`)
      write.call(this, key, value)
    }
  })
  const pages = [await tabs.signedIn()]
  while (pages.length < 4) pages.push(await tabs.open())
  for (const page of pages) await expectStatus(page, 'signedIn')
  await Promise.all(pages.map(page => later(page, 901_000)))
  const tokens = await Promise.all(pages.map(token))
  expect(tokens.every(Boolean)).toBe(true)
  const answers = await Promise.all(
    pages.map(page => page.evaluate(() => window.authorized('/api').then(({ status }) => status))),
  )
  expect(answers).toEqual([200, 200, 200, 200])
  const refreshes = app.refreshes()
  const [first, ...others] = pages
  await first?.evaluate(() => void window.session.signOut())
  for (const page of others) await expectStatus(page, 'signedOut')
  const written = await first?.evaluate(() => (window as unknown as { written: string[] }).written)
  for (const entry of written ?? []) expect(entry).toMatch(/^countersign:default=(in|out) ses_[0-9a-f]{32}$/)
  figure(`${refreshes} refreshes for 4 tabs, 0 refused; signals only`)
})

test('27 an anonymous visitor costs no request', async ({ app, tabs, figure }) => {
  const page = await tabs.open()
  expect(await status(page)).toBe('signedOut')
  expect(await page.evaluate(() => window.session.getAccessToken())).toBe(null)
  expect(app.asked).toEqual([])
  figure('0 requests, signed out at once')
})

test('43 blocked storage breaks nothing', async ({ context, tabs, figure }) => {
  await context.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get: () => {
        throw new DOMException('blocked', 'SecurityError')
      },
    })
  })
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  await one.evaluate(() => window.session.signOut())
  await expectStatus(two, 'signedOut')
  await one.reload()
  expect(await status(one)).toBe('signedOut')
  figure('signs in, renews, and signs out in both tabs')
})

test('46 works under a strict content security policy with trusted types', async ({ app, tabs, figure }) => {
  expect(app.csp).toContain('require-trusted-types-for')
  const page = await tabs.signedIn()
  await later(page, 901_000)
  expect(await token(page)).toBeTruthy()
  expect(await page.evaluate(() => window.authorized('/api').then(({ status }) => status))).toBe(200)
  figure('0 violations')
})

test('49 an access token alone is refused elsewhere', async ({ app, browser, tabs, figure }) => {
  const page = await tabs.signedIn()
  const stolen = await token(page)
  const context = await browser.newContext()
  const thief = await tabsOf(app, context).open()
  await signUp(thief)
  const me = (page: typeof thief, bearer: string | null) =>
    page.evaluate(async bearer => {
      const answer = await fetch('/auth/me', { headers: { Authorization: `Bearer ${bearer}` } })
      return [answer.status, (await answer.json()).error?.code]
    }, bearer)
  expect(await me(page, stolen)).toEqual([200, undefined])
  expect(await me(thief, stolen)).toEqual([401, 'FINGERPRINT_MISMATCH'])
  await context.clearCookies()
  expect(await me(thief, stolen)).toEqual([401, 'FINGERPRINT_MISMATCH'])
  await context.close()
  figure('401 FINGERPRINT_MISMATCH, with another fingerprint and with none')
})

test('53 an auth server on another origin of the site works by CORS', async ({
  app,
  context,
  tabs,
  figure,
}) => {
  app.csp = `default-src 'self'; connect-src 'self' ${app.stack.url}`
  const authUrl = `${app.stack.url}/auth`
  const asked: string[] = []
  context.on('request', request => {
    if (request.url().startsWith(authUrl)) asked.push(new URL(request.url()).pathname)
  })
  const [one, two] = [await tabs.open('/core', { authUrl }), await tabs.open('/core', { authUrl })]
  await signUp(one)
  await expectStatus(two, 'signedIn')
  await one.reload()
  await expectStatus(one, 'signedIn')
  await two.close()
  asked.length = 0
  await one.reload()
  await expectStatus(one, 'signedIn')
  await later(one, 901_000)
  expect(await token(one)).toBeTruthy()
  expect(asked.filter(path => path === '/auth/refresh').length).toBe(2)
  await one.evaluate(() => window.session.signOut())
  expect(await context.cookies(app.stack.url)).toEqual([])
  expect(app.asked, 'nothing went to the page’s own origin').toEqual([])
  app.csp = "default-src 'self'; require-trusted-types-for 'script'"
  figure('signs up, shares, reloads, renews and signs out')
})
