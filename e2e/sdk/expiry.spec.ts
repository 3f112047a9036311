import { clocks, expect, test } from './scenario.ts'

const hour = 3_600_000

test.use({ flags: { 'access-ttl': '4s', flight: '1s', grace: '3s' } })

test('8 a clock that is set back while the page is open keeps no token alive', async ({
  app,
  tabs,
  figure,
}) => {
  const page = await tabs.signedIn()
  await clocks(page, { wall: -hour })
  const began = performance.now()
  let calls = 0
  while (performance.now() - began < 9_000) {
    expect(await page.evaluate(() => window.authorized('/api').then(({ status }) => status))).toBe(200)
    calls++
    await page.waitForTimeout(100)
  }
  expect(app.count('/api', 401)).toBe(0)
  expect(app.refreshes()).toBeGreaterThan(1)
  figure(`${calls} requests over 2 lives, no 401`)
})

test('35 a hidden tab lets its session idle, and one with a subscription does not', async ({
  app,
  tabs,
  figure,
}) => {
  const page = await tabs.signedIn()
  const hide = (state: string) =>
    page.evaluate(state => {
      Object.defineProperty(document, 'visibilityState', { get: () => state, configurable: true })
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
    }, state)
  await hide('hidden')
  await page.waitForTimeout(12_000)
  expect(app.refreshes()).toBe(0)
  await page.evaluate(() => Object.assign(window, { release: window.session.hold() }))
  await expect.poll(() => app.refreshes()).toBeGreaterThan(1)
  await page.evaluate(() => (window as unknown as { release: () => void }).release())
  await page.waitForTimeout(1_000)
  const before = app.refreshes()
  await page.waitForTimeout(6_000)
  expect(app.refreshes()).toBe(before)
  await hide('visible')
  await expect.poll(() => app.refreshes()).toBe(before + 1)
  figure('0 refreshes in 3 lives hidden')
})
