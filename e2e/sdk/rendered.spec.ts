import { expect, expectStatus, status, test, token } from './scenario.ts'

const hint = async (context: import('@playwright/test').BrowserContext) =>
  (await context.cookies()).find(({ name }) => name === '__Host-cshint')?.value

test('23 a page that a server rendered goes on in the browser, and nothing was rotated for it', async ({
  app,
  context,
  tabs,
  figure,
}) => {
  const page = await tabs.signedIn()
  const before = await hint(context)
  const answer = await page.goto(`${app.url}/rendered`)
  expect(await answer?.headerValue('set-cookie')).toBe(null)
  expect(await page.title()).toBe('signedIn')
  expect(app.mints).toBe(1)
  await page.waitForFunction(() => window.session)
  expect(await token(page)).toBeTruthy()
  expect(await page.evaluate(() => window.seen.statuses)).toEqual(['signedIn'])
  expect(await page.evaluate(() => window.seen.identities)).toEqual([])
  expect(app.refreshes()).toBe(1)
  const depth = (text = '') => Number(text.split('.')[1])
  expect(depth(await hint(context)) - depth(before)).toBe(1)
  figure('signed in from the first moment; 1 mint, 1 refresh, depth + 1')
})

test('24 twelve renders at once rotate nothing', async ({ app, context, tabs, figure }) => {
  await tabs.signedIn()
  const before = await hint(context)
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => context.request.get(`${app.url}/rendered`)),
  )
  for (const answer of answers) {
    expect(await answer.text()).toContain('<title>signedIn</title>')
    expect(answer.headersArray().filter(({ name }) => /set-cookie/i.test(name))).toEqual([])
  }
  expect(app.mints).toBe(12)
  expect(app.refreshes()).toBe(0)
  expect(await hint(context)).toBe(before)
  figure('12 mints, 0 refreshes, 0 cookies set')
})

test('54 a server renders nobody after a log-out without network', async ({ app, context, tabs, figure }) => {
  const page = await tabs.signedIn()
  app.weather = { drop: true }
  await page.evaluate(() => window.session.signOut())
  expect((await context.cookies()).map(({ name }) => name)).toContain('__Host-csrt')
  await page.goto(`${app.url}/rendered`)
  expect(await page.title()).toBe('signedOut')
  expect(app.mints).toBe(0)
  await page.waitForFunction(() => window.session)
  await expectStatus(page, 'signedOut')
  expect(await status(page)).toBe('signedOut')
  figure('the refresh token is still there, and nobody asks with it')
})
