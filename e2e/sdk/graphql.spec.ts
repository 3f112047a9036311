import type { Page } from '@playwright/test'
import { expect, expectStatus, later, milliseconds, rounds, signUp, status, test, token } from './scenario.ts'

const life = 900_000
/** Apollo Client 3 wraps what a link says. */
type Thrown = { code?: string; networkError?: { code?: string } }
const me = (page: Page) =>
  page.evaluate(() =>
    window.me().catch((error: Thrown) => error.code ?? error.networkError?.code ?? String(error)),
  )
const sub = (page: Page) => page.evaluate(() => window.session.getSnapshot().claims?.sub)

for (const path of ['/apollo', '/apollo3'])
  test(`39 Apollo Client ${path === '/apollo' ? 4 : 3}: another user finds an empty cache, and no answer of the last one lands in it`, async ({
    app,
    tabs,
    figure,
  }) => {
    const page = await tabs.open(path)
    const other = await tabs.open()
    await signUp(page)
    const first = await sub(page)
    expect(await me(page)).toBe(first)
    expect(await page.evaluate(() => window.cached())).toContain(first)
    for (const refusal of ['status', 'code'] as const) {
      await later(page, 200_000, false)
      Object.assign(app.graphql, { refusal, refuseNext: 1 })
      const before = app.refreshes()
      expect(await me(page), refusal).toBe(first)
      expect(app.refreshes() - before, refusal).toBe(1)
    }
    app.graphql.delay = 1_000
    const late = me(page)
    await page.waitForTimeout(200)
    await signUp(other)
    await expect.poll(() => sub(page)).not.toBe(first)
    expect(await late).toBe('ABORTED')
    await page.waitForTimeout(1_000)
    expect(await page.evaluate(() => window.cached())).not.toContain(first)
    app.graphql.delay = 0
    expect(await me(page)).toBe(await sub(page))
    figure(
      `${await page.evaluate(() => window.version)}: cache cleared, late answer dropped; 401 and code: 1 refresh, 1 more try`,
    )
  })

test('40 urql: thirty operations over an expiry share one refresh', async ({ app, tabs, figure }) => {
  const page = await tabs.open('/urql')
  await signUp(page)
  const user = await sub(page)
  for (let round = 0; round < rounds; round++) {
    app.asked.length = 0
    await later(page, life + 1_000, false)
    const answers = await page.evaluate(() => Promise.all(Array.from({ length: 30 }, () => window.me())))
    expect(new Set(answers)).toEqual(new Set([user]))
    expect(app.refreshes()).toBe(1)
  }
  await later(page, 200_000, false)
  app.graphql.refuseNext = 1
  expect(await me(page)).toBe(user)
  await later(page, life + 1_000, false)
  app.weather = { delay: 500 }
  await page.evaluate(() => (window as unknown as { teardown: () => void }).teardown())
  expect(await token(page)).toBeTruthy()
  figure(`${rounds} of ${rounds} rounds with 1 refresh; a query that is torn down meanwhile leaves nothing`)
})

test('41 React in StrictMode: one channel, one timer, no listener left', async ({
  context,
  tabs,
  figure,
}) => {
  await context.addInitScript(() => {
    const open = { channels: 0, listeners: 0 }
    const { BroadcastChannel: Channel } = window
    window.BroadcastChannel = class extends Channel {
      constructor(name: string) {
        super(name)
        open.channels++
      }
    }
    Object.assign(window, { open_: open })
  })
  const page = await tabs.open('/react')
  await expect(page.locator('main')).toHaveText('signedOut out')
  await signUp(page)
  await expect(page.locator('main')).toContainText('signedIn')
  const renders = () => page.evaluate(() => (window as unknown as { renders: number }).renders)
  const before = await renders()
  await page.evaluate(() => window.session.refresh())
  expect(await renders(), 'a new token renders nothing').toBe(before)
  for (let i = 0; i < 10; i++)
    await page.evaluate(() => (window as unknown as { remount: () => void }).remount())
  await expect(page.locator('main')).toContainText('signedIn')
  const channels = await page.evaluate(
    () => (window as unknown as { open_: { channels: number } }).open_.channels,
  )
  expect(channels).toBe(1)
  await page.evaluate(() => window.session.signOut())
  await expect(page.locator('main')).toHaveText('signedOut out')
  figure('1 channel after 11 mounts; a new token renders nothing')
})

test('42 a listener that calls everything does not deadlock', async ({ tabs, figure }) => {
  const page = await tabs.signedIn()
  await page.evaluate(() => {
    window.session.onToken(() => {
      void window.session.getAccessToken()
      void window.session.refresh().catch(() => {})
    })
    window.session.onIdentity(() => void window.session.signOut())
    window.session.subscribe(() => void window.session.getAccessToken())
  })
  await later(page, life + 1_000)
  expect(await token(page)).toBeTruthy()
  await page.evaluate(() => window.session.signOut())
  await expectStatus(page, 'signedOut')
  expect(await token(page)).toBe(null)
  expect(await status(page)).toBe('signedOut')
  figure('tokens, refreshes and a sign-out from inside listeners')
})

test('33 graphql-ws: a refresh of 5 s before the socket opens costs no connection', async ({
  app,
  tabs,
  figure,
}) => {
  const page = await tabs.open('/socket')
  await signUp(page)
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { get: () => 'hidden', configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await later(page, life + 1_000, false)
  app.weather = { delay: 5_000 }
  const began = performance.now()
  await page.evaluate(() => void window.subscribe())
  await expect.poll(() => page.evaluate(() => window.ticks.length)).toBeGreaterThan(2)
  expect(milliseconds(began)).toBeGreaterThan(4_900)
  expect(app.graphql.opened).toBe(1)
  figure('1 socket, opened when the token was there')
})
