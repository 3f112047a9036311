/** The scenarios that need no protocol of Chromium's, in Firefox over WebDriver BiDi. Numbers are those of SCENARIOS.md. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import puppeteer, { type Browser, type BrowserContext, type Page } from 'puppeteer-core'
import { App } from './app.ts'

const password = 'correct horse battery staple'
const life = 900_000
const rounds = 25

let app: App
let browser: Browser
let context: BrowserContext

before(async () => {
  app = await App.start()
  const executablePath = process.env.FIREFOX ?? '/usr/bin/firefox-esr'
  browser = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true })
})
after(async () => {
  await browser.close()
  await app.remove()
})
beforeEach(async () => {
  app.clear()
  context = await browser.createBrowserContext()
})
afterEach(() => context.close())

async function open(path = '/core', before?: () => void): Promise<Page> {
  const page = await context.newPage()
  if (before) await page.evaluateOnNewDocument(before)
  await page.goto(app.url + path)
  await page.waitForFunction(() => window.session)
  return page
}

const signUp = (page: Page) =>
  page.evaluate(
    async (email, password) => void (await window.session.signIn({ email, password }, { path: 'signup' })),
    `${randomBytes(6).toString('hex')}@example.org`,
    password,
  )

async function signedIn(before?: () => void): Promise<Page> {
  const page = await open('/core', before)
  await signUp(page)
  app.asked.length = 0
  return page
}

const token = (page: Page) => page.evaluate(() => window.session.getAccessToken())
const status = (page: Page) => page.evaluate(() => window.session.getSnapshot().status)
const until = (page: Page, wanted: string) =>
  page.waitForFunction(wanted => window.session.getSnapshot().status === wanted, {}, wanted)
const answers = (page: Page, count: number) =>
  page.evaluate(
    count =>
      Promise.all(
        Array.from({ length: count }, () => window.authorized('/api').then(({ status }) => status)),
      ),
    count,
  )

/** As if so much time had passed in this tab; `isAsleep`: and the steady clock stood still. */
const later = (page: Page, ms: number, isAsleep = false) =>
  page.evaluate(
    (ms, isAsleep) => {
      const { now } = Date
      const count = performance.now.bind(performance)
      Date.now = () => now() + ms
      if (!isAsleep) performance.now = () => count() + ms
      dispatchEvent(new Event('focus'))
    },
    ms,
    isAsleep,
  )

test('1 fifty queries at expiry share one refresh', async () => {
  const page = await signedIn()
  for (let round = 0; round < rounds; round++) {
    app.asked.length = 0
    await later(page, life + 1_000)
    assert.deepEqual(new Set(await answers(page, 50)), new Set([200]))
    assert.equal(app.refreshes(), 1)
  }
})

test('2 eight tabs that wake together refresh once', async () => {
  const pages = [await signedIn()]
  while (pages.length < 8) pages.push(await open())
  for (const page of pages) await until(page, 'signedIn')
  for (let round = 0; round < rounds; round++) {
    app.asked.length = 0
    await Promise.all(pages.map(page => later(page, life + 1_000)))
    const tokens = await Promise.all(pages.map(token))
    assert.equal(app.refreshes(), 1, `round ${round}`)
    assert.equal(new Set(tokens).size, 1, `round ${round}`)
  }
})

test('3 a log-out in one of eight tabs ends all', async () => {
  const pages = [await signedIn()]
  while (pages.length < 8) pages.push(await open())
  for (const page of pages) await until(page, 'signedIn')
  await pages[0]?.evaluate(() => void window.session.signOut())
  for (const page of pages) await until(page, 'signedOut')
})

test('4 and 5 a new tab costs no refresh, a reload of the only tab one', async () => {
  const page = await signedIn()
  const second = await open()
  await until(second, 'signedIn')
  assert.equal(await token(second), await token(page))
  assert.equal(app.refreshes(), 0)
  await second.close()
  await page.reload()
  await page.waitForFunction(() => window.session?.getSnapshot().status === 'signedIn')
  assert.equal(app.refreshes(), 1)
})

test('6 no script finds a secret', async () => {
  const page = await signedIn()
  const found = await page.evaluate(() =>
    JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, window.name]),
  )
  assert.doesNotMatch(found, /eyJ|cs_rt_/)
  assert.match(found, /__Host-cshint=ses_/)
})

test('11 no failure of the network or of others signs out', async () => {
  const page = await signedIn()
  for (const weather of [
    { drop: true },
    { instead: { status: 503 } },
    { instead: { status: 401, body: '<h1>Please pay for the network</h1>' } },
    { instead: { status: 200, body: '<h1>Please pay for the network</h1>' } },
  ]) {
    app.weather = weather
    await later(page, life + 1_000)
    // A hidden tab asks when it is asked.
    const asked = page.evaluate(() => window.session.getAccessToken())
    await page.waitForFunction(() => window.session.getSnapshot().degraded)
    app.weather = {}
    assert(await asked)
    assert.equal(await status(page), 'signedIn')
  }
})

test('15 a log-out during a refresh stays one, in every tab', async () => {
  const pages = [await open(), await open()]
  const [one, two] = pages as [Page, Page]
  for (let round = 0; round < rounds; round++) {
    await signUp(one)
    for (const page of pages) await until(page, 'signedIn')
    app.clear()
    app.weather = { ...(round % 2 ? { delay: 150 } : { lag: 150 }), only: '/auth/refresh' }
    await later(one, life + 1_000)
    await one.evaluate(() => void window.session.getAccessToken())
    while (app.refreshes() < 1) await new Promise(done => setTimeout(done, 5))
    await (round % 3 ? one : two).evaluate(() => window.session.signOut())
    await new Promise(done => setTimeout(done, 250))
    for (const page of pages) assert.equal(await status(page), 'signedOut')
    assert.equal(await one.evaluate(() => document.cookie), '', `round ${round}`)
  }
})

test('16 an API that refuses every token costs one refresh', async () => {
  const page = await signedIn()
  await later(page, 200_000)
  app.refuseNext = 1_000
  assert.deepEqual(await answers(page, 1), [401])
  assert.deepEqual(await answers(page, 1), [401])
  assert.equal(app.refreshes(), 1)
  assert.equal(await status(page), 'signedIn')
})

test('18 Back to a page from before a log-out shows that nobody is signed in', async () => {
  const [one, two] = [await signedIn(), await open()]
  await until(two, 'signedIn')
  await one.goto(`${app.url}/react`)
  await one.waitForFunction(() => window.session)
  await two.evaluate(() => window.session.signOut())
  await until(one, 'signedOut')
  app.asked.length = 0
  // The driver loses sight of a page that comes back, and finds it again by asking.
  await one.goBack({ timeout: 3_000 }).catch(() => {})
  const seen = () => one.evaluate(() => [location.pathname, window.session.getSnapshot().status].join(' '))
  while ((await seen()) !== '/core signedOut') await new Promise(done => setTimeout(done, 100))
  assert.deepEqual(app.asked, [])
})

test('20 another user in one tab is one change of identity in the other', async () => {
  const [one, two] = [await signedIn(), await open()]
  await until(two, 'signedIn')
  await one.evaluate(() => {
    window.seen.identities.length = 0
  })
  await signUp(two)
  await one.waitForFunction(() => window.seen.identities.length === 1)
  assert.equal(await token(one), await token(two))
})

test('22 eight hours of sleep cost one refresh', async () => {
  const page = await signedIn()
  for (let round = 0; round < rounds; round++) {
    app.asked.length = 0
    await later(page, 28_800_000, true)
    assert.deepEqual(await answers(page, 2), [200, 200])
    assert.equal(app.refreshes(), 1)
  }
})

test('27 an anonymous visitor costs no request', async () => {
  const page = await open()
  assert.equal(await status(page), 'signedOut')
  assert.deepEqual(app.asked, [])
})

test('28 a log-out without network is one at once, and for the server later', async () => {
  const page = await signedIn()
  app.weather = { drop: true }
  await page.evaluate(() => window.session.signOut())
  await page.reload()
  await page.waitForFunction(() => window.session)
  assert.equal(await status(page), 'signedOut')
  assert.equal(app.refreshes(), 0)
  app.weather = {}
  app.asked.length = 0
  await page.evaluate(() => void dispatchEvent(new Event('online')))
  while (app.count('/auth/logout', 200) < 1) await new Promise(done => setTimeout(done, 20))
})

test('43 blocked storage breaks nothing', async () => {
  const block = () =>
    Object.defineProperty(window, 'localStorage', {
      get: () => {
        throw new DOMException('blocked', 'SecurityError')
      },
    })
  const [one, two] = [await signedIn(block), await open('/core', block)]
  await until(two, 'signedIn')
  await one.evaluate(() => window.session.signOut())
  await until(two, 'signedOut')
})
