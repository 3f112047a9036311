import type { Page } from '@playwright/test'
import { expect, milliseconds, signUp, test } from './scenario.ts'

test.use({ flags: { 'access-ttl': '4s', flight: '1s', grace: '3s' } })

async function subscribed(tabs: { open(path: string): Promise<Page> }): Promise<Page> {
  const page = await tabs.open('/socket')
  await signUp(page)
  await page.evaluate(() => void window.subscribe())
  await expect.poll(() => page.evaluate(() => window.ticks.length)).toBeGreaterThan(2)
  return page
}

/** Events that are missing or came twice, and the longest silence. */
const heard = (page: Page) =>
  page.evaluate(() => {
    const numbers = window.ticks.map(({ tick }) => tick)
    const steps = window.ticks.slice(1).map(({ at }, i) => at - (window.ticks[i]?.at ?? at))
    const [first = 0] = numbers
    return {
      count: numbers.length,
      lost: (numbers.at(-1) ?? 0) - first + 1 - numbers.length,
      doubled: numbers.length - new Set(numbers).size,
      silence: Math.round(Math.max(...steps)),
    }
  })

test('31 graphql-ws: tokens change under a subscription, and no event is lost or doubled', async ({
  app,
  tabs,
  figure,
}) => {
  const page = await subscribed(tabs)
  await expect.poll(() => app.refreshes(), { timeout: 40_000 }).toBeGreaterThan(4)
  await page.waitForTimeout(1_000)
  const { count, lost, doubled } = await heard(page)
  expect([lost, doubled]).toEqual([0, 0])
  expect(count).toBeGreaterThan(60)
  expect(app.graphql.opened).toBe(1)
  expect(await page.evaluate(() => window.over)).toEqual([])
  figure(`${app.refreshes()} new tokens, ${count} events, 0 lost, 0 doubled, 1 socket`)
})

test('32 graphql-ws: a server that knows no re-authentication is left in time and joined again', async ({
  app,
  tabs,
  figure,
}) => {
  app.graphql.isInBand = false
  app.graphql.graceMs = 3_000
  const page = await tabs.open('/socket')
  app.graphql.isInBand = false
  app.graphql.graceMs = 3_000
  await signUp(page)
  await page.evaluate(() => void window.subscribe())
  await expect.poll(() => app.graphql.opened, { timeout: 30_000 }).toBeGreaterThan(2)
  await page.waitForTimeout(500)
  const { doubled, silence } = await heard(page)
  expect(doubled).toBe(0)
  expect(app.graphql.subscribed).toBe(app.graphql.opened)
  expect(await page.evaluate(() => window.over)).toEqual([])
  figure(`${app.graphql.opened - 1} reconnections, at most ${silence} ms between two events (50 apart)`)
})

test('34 graphql-ws: 4401 subscribes again; a sign-out closes for good; the end of a session is asked about once', async ({
  app,
  tabs,
  figure,
}) => {
  const page = await subscribed(tabs)
  // What a stock client takes as the end of everything.
  app.graphql.closeAll(4401, 'Unauthorized')
  await expect.poll(() => app.graphql.opened).toBe(2)
  await expect.poll(() => app.graphql.subscribed).toBe(2)
  app.graphql.opened = 1
  const began = performance.now()
  await page.evaluate(() => void window.session.signOut())
  await expect.poll(() => app.graphql.open, { intervals: [5] }).toBe(0)
  const took = milliseconds(began)
  await page.waitForTimeout(2_000)
  expect(app.graphql.opened).toBe(1)
  expect(await page.evaluate(() => window.over)).toEqual(['error 4403'])

  app.clear()
  await signUp(page)
  await page.evaluate(() => void window.subscribe())
  await expect.poll(() => app.graphql.open).toBe(1)
  const other = await app.revoke(page)
  expect(other).toBe(204)
  app.asked.length = 0
  app.graphql.closeAll(4403, 'SESSION_ENDED')
  await expect.poll(() => page.evaluate(() => window.session.getSnapshot().reason)).toBe('revoked')
  await expect.poll(() => page.evaluate(() => window.over.length)).toBe(2)
  expect(app.refreshes()).toBe(1)
  // A socket may be opened to be told so, and shows nothing.
  expect(app.graphql.inits.length).toBe(1)
  expect(app.graphql.open).toBe(0)
  figure(`closed ${took} ms after the sign-out; SESSION_ENDED: 1 refresh, signed out with the reason`)
})
