/** Cookies that are old, halved or forged: the page of a visitor, no error, no loop. */
import type { Cookie, Page } from '@playwright/test'
import { enter, expect, type NextApp, test, type Visits } from './app.ts'

const csrt = '__Host-csrt'
const csfp = '__Host-csfp'
const cshint = '__Host-cshint'

/** A browser with these cookies comes for a page of somebody; answers the tab, which shows the entrance. */
async function comes(visits: Visits, cookies: Cookie[]): Promise<Page> {
  const context = await visits.browser()
  await context.addCookies(cookies)
  const documents: string[] = []
  context.on('request', request => request.isNavigationRequest() && documents.push(request.url()))
  const tab = await visits.open('/notes', context)
  await expect(tab).toHaveURL(/signin\?next=%2Fnotes/)
  await expect(tab.getByTestId('panel')).toContainText('Signed out')
  await expect(tab.getByTestId('stream')).toContainText('entries')
  // A loop would still be running.
  await tab.waitForTimeout(500)
  // The page that was asked for, and the entrance to which it led.
  expect(documents.length).toBe(2)
  return tab
}

/** Each browser asks for itself once, and the two pages that are rendered for it do. */
function expectFew(app: NextApp, browsers: number): void {
  expect(app.road.count('/auth/refresh')).toBeLessThanOrEqual(browsers)
  expect(app.road.count('/auth/mint')).toBeLessThanOrEqual(3 * browsers)
}

test('58 Next.js: cookies of an ended session are those of a visitor, who can sign in', async ({
  app,
  context,
  visits,
}) => {
  const { page, name } = await visits.signedUp()
  const cookies = await context.cookies()
  await page.getByTestId('sign-out').click()
  await expect(page).toHaveURL(/signin/)
  const isTold = () => app.road.passed.some(({ path, status }) => path === '/auth/logout' && status === 200)
  await expect.poll(isTold).toBe(true)
  app.road.clear()
  const tab = await comes(visits, cookies)
  expectFew(app, 1)
  await enter(tab, name)
  await expect(tab.getByTestId('notes')).toBeAttached()
})

test('so are half of them, and a forged hint', async ({ app, context, visits }) => {
  await visits.signedUp()
  const all = await context.cookies()
  const [real] = all.filter(({ name }) => name === cshint)
  if (!real) throw new Error('there is no hint')
  const halves = [[csrt, cshint], [csfp, cshint], [csrt, csfp], [cshint], [csrt]].map(kept =>
    all.filter(({ name }) => kept.includes(name)),
  )
  expect(halves.map(({ length }) => length)).toEqual([2, 2, 2, 1, 1])
  const forged = { ...real, value: `ses_${'0'.repeat(32)}.99` }
  app.road.clear()
  await Promise.all([...halves, [forged]].map(cookies => comes(visits, cookies)))
  expectFew(app, 6)
})
