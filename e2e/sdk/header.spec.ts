import type { Page } from '@playwright/test'
import { expect, expectStatus, later, signUp, status, test, token } from './scenario.ts'

const life = 900_000
const sid = (page: Page) => page.evaluate(() => window.session.getSnapshot().sid)

test('47 header mode: new and duplicated tabs take sessions of their own, and none is taken for a thief', async ({
  app,
  context,
  tabs,
  figure,
}) => {
  const one = await tabs.open('/header')
  await signUp(one)
  expect((await context.cookies()).map(({ name }) => name)).toEqual(['__Host-csfp'])
  const stored = await one.evaluate(() => JSON.stringify([{ ...localStorage }, document.cookie]))
  expect(stored).not.toMatch(/eyJ|cs_rt_/)

  const fresh = await tabs.open('/header?patient')
  await expectStatus(fresh, 'signedIn')
  // Chromium copies sessionStorage into a window that a page opens.
  const [copy] = await Promise.all([
    context.waitForEvent('page'),
    one.evaluate(() => void window.open('/header')),
  ])
  await copy.waitForFunction(() => window.session)
  expect(await copy.evaluate(() => sessionStorage.length)).toBe(1)
  await expectStatus(copy, 'signedIn')
  await one.reload()
  await expectStatus(one, 'signedIn')

  const pages = [one, fresh, copy]
  const sids = await Promise.all(pages.map(sid))
  expect(new Set(sids).size).toBe(3)
  for (let round = 0; round < 3; round++)
    for (const page of pages) {
      await later(page, life)
      expect(await token(page)).toBeTruthy()
    }
  for (const page of pages) {
    await page.reload()
    await expectStatus(page, 'signedIn')
  }
  expect(await Promise.all(pages.map(sid))).toEqual(sids)
  expect(app.asked.filter(({ path, status }) => path.startsWith('/auth') && status >= 400)).toEqual([])

  await fresh.evaluate(() => window.session.signOut())
  for (const page of pages) await expectStatus(page, 'signedOut')
  await one.reload()
  expect(await status(one)).not.toBe('signedIn')
  await expectStatus(one, 'signedOut')
  figure('3 tabs, 3 sessions, 0 refusals; a sign-out in one ends all')
})
