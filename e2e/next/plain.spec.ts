/** Without scripts: forms that the app's own routes take, and nothing that another page could send. */
import type { Page } from '@playwright/test'
import { enter, expect, test, write } from './app.ts'

test('59 Next.js: without scripts everything still works', async ({ app, visits }) => {
  const browser = await visits.browser({ javaScriptEnabled: false })
  const page = await visits.open('/notes', browser)
  await expect(page).toHaveURL(/signin\?next=%2Fnotes/)
  const name = `plain-${Date.now().toString(36)}`
  await enter(page, name)
  await expect(page.getByRole('alert')).toContainText('No account')
  await page.click('main >> text=Sign up')
  await page.fill('[name=name]', name)
  await enter(page, `${name}@example.org`)
  await expect(page).toHaveURL(`${app.url}/notes`)
  await expect(page.getByTestId('who')).toHaveText(name)
  await write(page, 'By hand')
  await page.click('nav >> text=Devices')
  await expect(page.getByTestId('devices')).toContainText('this one')
  await page.getByTestId('sign-out').click()
  await expect(page).toHaveURL(/signin/)
  expect((await browser.cookies()).map(({ name }) => name)).toEqual(['__Host-form'])

  // Back to what was wanted.
  await page.goto(`${app.url}/devices`)
  await enter(page, name)
  await expect(page).toHaveURL(`${app.url}/devices`)
  await page.getByTestId('everywhere').click()
  await expect(page).toHaveURL(/signin/)
  // With scripts again, nobody is signed in either.
  const cookies = (await browser.cookies()).map(({ name }) => name)
  expect(cookies).toEqual(['__Host-form'])
})

test('a device is logged out from the list, with scripts and without', async ({ app, context, visits }) => {
  const { page, name } = await visits.signedUp()
  const plain = await visits.browser({ javaScriptEnabled: false })
  await plain.addCookies(await context.cookies())
  const list = await visits.open('/devices', plain)
  const rows = (tab: Page) => tab.getByTestId('devices').locator('li')
  for (const tab of [page, list]) {
    const phone = await visits.browser()
    const elsewhere = await visits.open('/signin', phone)
    await enter(elsewhere, name)
    await expect(elsewhere.getByTestId('socket')).toContainText('open')
    await tab.goto(`${app.url}/devices`)
    await expect(rows(tab)).toHaveCount(2)
    await rows(tab).getByRole('button').click()
    await expect(rows(tab)).toHaveCount(1)
    await expect(elsewhere).toHaveURL(/signin/)
    await expect(page.getByTestId('who')).toHaveText(name)
  }
})

test('a form that is not ours changes nothing', async ({ app, context, visits }) => {
  const { page } = await visits.signedUp()
  const token = await page.inputValue('header [name=token]')
  const post = (headers: Record<string, string>, form: Record<string, string>) =>
    context.request.post(`${app.url}/form/note`, { headers, form, maxRedirects: 0 })
  const ours = { origin: app.url }
  app.road.clear()
  for (const refused of [
    await post({ origin: 'https://evil.example' }, { text: 'forged', token }),
    await post({ origin: 'null' }, { text: 'forged', token }),
    await post({}, { text: 'forged', token }),
    await post(ours, { text: 'forged' }),
    await post(ours, { text: 'forged', token: 'a guess' }),
  ])
    expect(refused.status()).toBe(403)
  expect(app.road.passed).toEqual([])
  expect((await post(ours, { text: 'ours', token })).status()).toBe(303)
  await expect(page.getByTestId('notes')).toContainText('ours')
  await expect(page.getByTestId('notes')).not.toContainText('forged')
})

test('signing in leads to pages of ours only', async ({ app, visits }) => {
  await visits.signedUp()
  for (const next of [
    '//evil.example',
    'https://evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    'javascript:alert(1)',
  ]) {
    const page = await visits.open(`/signin?next=${encodeURIComponent(next)}`)
    await expect(page).toHaveURL(`${app.url}/notes`)
    await page.close()
  }
  for (const [from, to] of [
    ['/login', '/notes'],
    ['/login?next=%2Fdevices', '/devices'],
  ] as const) {
    const page = await visits.open(from)
    await expect(page).toHaveURL(app.url + to)
    await page.close()
  }
})
