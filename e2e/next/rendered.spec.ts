/** Scenarios of a server that renders, in the app as it is built. */
import { cookiesSet, depth, expect, expectNoToken, hint, prefetches, test, write } from './app.ts'

test('23 Next.js: a page of somebody goes on in the browser, and nothing was rotated for it', async ({
  app,
  context,
  visits,
  figure,
}) => {
  const { page, name } = await visits.signedUp()
  await write(page, 'Rendered')
  const before = await hint(context)
  app.road.clear()
  const queries: string[] = []
  page.on('request', request => request.url().startsWith(app.notes.url) && queries.push(request.method()))
  const answer = await page.reload({ waitUntil: 'commit' })
  expect(await answer?.headerValue('set-cookie')).toBe(null)
  expect(await answer?.headerValue('cache-control')).toMatch(/private.*no-store/)
  const html = (await answer?.text()) ?? ''
  expect(html).toContain(name)
  expect(html).toContain('Rendered')
  expectNoToken(html)
  await expect(page.getByTestId('socket')).toHaveText('open')
  await expect(page.getByTestId('notes')).toContainText('Rendered')
  // What the server found out is in the browser's cache, which asks for none of it again.
  expect(queries).not.toContain('POST')
  expect(app.road.count('/auth/mint')).toBe(1)
  expect(app.road.count('/auth/refresh')).toBe(1)
  expect(depth(await hint(context)) - depth(before)).toBe(1)
  figure('data in the HTML and no token, 0 queries again; 1 mint, 1 refresh, depth + 1')
})

test('24 Next.js: twelve prefetches at once rotate nothing', async ({ app, context, visits, figure }) => {
  const { name } = await visits.signedUp()
  const before = await hint(context)
  app.road.clear()
  const renders = Array.from({ length: 12 }, () => context.request.get(`${app.url}/notes`))
  for (const answer of await Promise.all([...prefetches(context, app), ...renders])) {
    expect(answer.status()).toBe(200)
    expect(cookiesSet(answer.headersArray())).toEqual([])
  }
  for (const answer of await Promise.all(renders)) expect(await answer.text()).toContain(name)
  expect(app.road.count('/auth/mint')).toBeLessThanOrEqual(24)
  expect(app.road.count('/auth/refresh')).toBe(0)
  expect(await hint(context)).toBe(before)
  figure('12 prefetches and 12 pages: one mint each at most, 0 refreshes, 0 cookies set')
})

test('27 Next.js: visitors cost the auth server nothing', async ({ app, visits, figure }) => {
  for (const path of ['/', '/signin', '/signup', '/nowhere']) {
    const page = await visits.open(path)
    await expect(page.getByTestId('panel')).toContainText('Signed out')
    await expect(page.getByTestId('stream')).toContainText('entries')
  }
  expect(app.road.passed).toEqual([])
  figure('4 pages, 0 requests')
})

test('28 Next.js: a log-out without network is one at once, and the server hears of it later', async ({
  app,
  context,
  visits,
  figure,
}) => {
  const { page } = await visits.signedUp()
  await write(page, 'Secret')
  const old = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ')
  app.road.clear()
  await context.setOffline(true)
  await page.getByTestId('sign-out').click()
  await expect(page.getByTestId('panel')).toContainText('Signed out')
  await expect(page.getByText('Secret')).toHaveCount(0)
  // Without the hint nobody is asked, though the refresh token is still there.
  const kept = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ')
  expect(kept).toContain('csrt')
  const there = await fetch(`${app.url}/notes`, { headers: { cookie: kept }, redirect: 'manual' })
  expect(there.status).toBe(307)
  expect(app.road.passed).toEqual([])
  await context.setOffline(false)
  await expect(page).toHaveURL(/signin/)
  await expect
    .poll(() => app.road.passed.some(({ path, status }) => path === '/auth/logout' && status === 200))
    .toBe(true)
  const after = await fetch(`${app.url}/notes`, { headers: { cookie: old }, redirect: 'manual' })
  expect(after.status).toBe(307)
  expect(app.road.passed.at(-1)).toEqual({ path: '/auth/mint', status: 401 })
  figure('out at once; rendered as nobody with the cookies that are left; told when the network came back')
})

test('60 Next.js: the Pages Router renders for who asks as well', async ({
  app,
  context,
  visits,
  figure,
}) => {
  const { page, name } = await visits.signedUp()
  await write(page, 'Printed')
  app.road.clear()
  const answer = await context.request.get(`${app.url}/printed`)
  expect(answer.headers()['cache-control']).toBe('private, no-store')
  expect(cookiesSet(answer.headersArray())).toEqual([])
  const html = await answer.text()
  expect(html).toContain('Printed')
  expectNoToken(html)
  expect(app.road.passed).toEqual([{ path: '/auth/mint', status: 200 }])
  await page.goto(`${app.url}/printed`)
  await expect(page).toHaveTitle(`Notes of ${name}`)
  const stranger = await visits.open('/printed', await visits.browser())
  await expect(stranger).toHaveURL(/signin\?next=%2Fprinted/)
  figure('1 mint, 0 cookies set, private, no-store')
})
