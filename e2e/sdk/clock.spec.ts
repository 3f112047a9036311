import { clocks, expect, expectStatus, later, rounds, test, token } from './scenario.ts'

const life = 900_000
const hour = 3_600_000

test('7 a wrong clock changes nothing', async ({ app, tabs, browser, figure }) => {
  for (const wrong of [hour, -hour, 365 * 24 * hour]) {
    const context = await browser.newContext()
    await context.addInitScript(wrong => {
      const { now } = Date
      Date.now = () => now() + wrong
    }, wrong)
    const page = await context.newPage()
    await page.goto(`${app.url}/core`)
    await page.waitForFunction(() => window.session)
    const email = `clock${wrong}${Math.random()}@example.org`
    await page.evaluate(
      email => window.session.signIn({ email, password: 'correct horse battery staple' }, { path: 'signup' }),
      email,
    )
    app.asked.length = 0
    const statuses = await page.evaluate(async () => {
      const statuses = []
      for (let i = 0; i < 20; i++) statuses.push((await window.authorized('/api')).status)
      return statuses
    })
    expect(statuses).toEqual(Array(20).fill(200))
    expect(app.refreshes()).toBe(0)
    await context.close()
  }
  expect(tabs.complaints).toEqual([])
  figure('an hour fast, an hour slow, a year fast: 0 refreshes too many, no 401')
})

test('22 eight hours of sleep cost one refresh', async ({ app, tabs, figure }) => {
  const pages = [await tabs.signedIn(), await tabs.open()]
  for (const page of pages) await expectStatus(page, 'signedIn')
  for (let round = 0; round < rounds; round++) {
    app.asked.length = 0
    // `performance.now()` stands still while a device sleeps.
    await Promise.all(pages.map(page => clocks(page, { wall: 8 * hour })))
    await Promise.all(
      pages.map(page =>
        page.evaluate(() => void document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))),
      ),
    )
    const statuses = await Promise.all(
      pages.map(page => page.evaluate(() => window.authorized('/api').then(({ status }) => status))),
    )
    expect(statuses).toEqual([200, 200])
    expect(app.refreshes()).toBe(1)
    expect(app.count('/api', 401)).toBe(0)
  }
  expect(await token(pages[0] as (typeof pages)[0])).toBeTruthy()
  await later(pages[0] as (typeof pages)[0], life, false)
  figure(`${rounds} of ${rounds} wakings with 1 refresh for 2 tabs, no 401`)
})
