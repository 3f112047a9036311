/** The whole of it, as its user sees it; `SCREENS=docs/screens` keeps what is on the screen on the way. */
import type { Page } from '@playwright/test'
import { enter, expect, expectNoToken, test, write } from './app.ts'

test.use({ flags: { 'access-ttl': '10s' }, viewport: { width: 1180, height: 720 }, deviceScaleFactor: 1 })

const screen = async (page: Page, name: string) => {
  if (process.env.SCREENS) await page.screenshot({ path: `${process.env.SCREENS}/${name}.png` })
}

test('57 Next.js: sign up, rendered, refreshed, in two tabs and on two devices, logged out everywhere', async ({
  app,
  context,
  visits,
}) => {
  const start = await visits.open('/')
  await expect(start.getByTestId('rendered-for')).toHaveText('a visitor')
  expect(app.road.passed).toEqual([])
  await screen(start, '1-visitor')

  // What was wanted before signing in is where signing in leads.
  await start.goto(`${app.url}/devices`)
  await expect(start).toHaveURL(/signin\?next=%2Fdevices/)
  await start.close()

  const { page, name } = await visits.signedUp()
  await write(page, 'Buy bread')
  await write(page, 'Call the dentist')
  await expect(page.getByTestId('notes').locator('li')).toHaveCount(2)

  // Rendered with the visitor's notes, before any script ran.
  const html = await (await context.request.get(`${app.url}/notes`)).text()
  expect(html).toContain('Buy bread')
  expectNoToken(html)
  await page.reload()
  await expect(page.getByTestId('socket')).toContainText('open')
  await expect(page.getByTestId('refreshes')).toContainText(/[1-9]\d* here/)

  // A silent refresh, and the open socket is shown the newer token.
  await expect(page.getByTestId('socket')).toContainText('renewed', { timeout: 30_000 })
  await screen(page, '2-notes')

  // Another tab is live, and needs no refresh of its own.
  const second = await visits.open('/notes')
  await expect(second.getByTestId('tabs')).toHaveText('2')
  await write(second, 'Written in the other tab')
  await expect(page.getByTestId('notes')).toContainText('Written in the other tab')

  // Another device.
  const phone = await visits.browser()
  const third = await visits.open('/signin?next=%2Fnotes', phone)
  await enter(third, name)
  await expect(third.getByTestId('notes')).toContainText('Buy bread')
  await expect(third.getByTestId('socket')).toContainText('open')

  // A page of the app to another one, without loading.
  await page.evaluate(() => Object.assign(window, { isSame: true }))
  await page.click('nav >> text=Devices')
  await expect(page.getByTestId('devices').locator('li')).toHaveCount(2)
  expect(await page.evaluate(() => 'isSame' in window)).toBe(true)
  await screen(page, '3-devices')

  await page.getByTestId('everywhere').click()
  await expect(page).toHaveURL(/signin/)
  await expect(second).toHaveURL(/signin\?next=%2Fnotes/)
  // The other device hears of it by its socket, which the API cut.
  await expect(third).toHaveURL(/signin\?next=%2Fnotes/)
  await expect(third.getByTestId('panel')).toContainText('4403')
  await expect(third.getByTestId('socket')).toContainText('closed')
  await screen(third, '4-logged-out')

  for (const tab of [page, second, third]) {
    await expect(tab.getByText('Buy bread')).toHaveCount(0)
    await tab.goBack()
    await expect(tab.getByText('Buy bread')).toHaveCount(0)
  }
  const after = await context.request.get(`${app.url}/notes`, { maxRedirects: 0 })
  expect(after.status()).toBe(307)
})
