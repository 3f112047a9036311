/** The article's way: the server refreshes before it renders, and passes the new cookies on. */
import { cookiesSet, expect, expectNoToken, prefetches, test, write } from './app.ts'
import { expectPrivate } from './cache.ts'

test.use({ environment: { ROTATE: 'forward' } })

test('25 Next.js: a refresh before the page reaches the browser with it', async ({
  app,
  context,
  visits,
  figure,
}) => {
  const { page, name } = await visits.signedUp()
  await write(page, 'Forwarded')
  app.road.clear()
  const answer = await page.reload({ waitUntil: 'commit' })
  const set = cookiesSet((await answer?.headersArray()) ?? [])
  expect(set.map(line => line.split('=')[0]).sort()).toEqual(['__Host-cshint', '__Host-csrt'])
  expect(await answer?.headerValue('cache-control')).toMatch(/private.*no-store/)
  const html = (await answer?.text()) ?? ''
  expect(html).toContain(name)
  expect(html).toContain('Forwarded')
  expectNoToken(html)
  // The browser goes on from there, and is not taken for a thief.
  await expect(page.getByTestId('socket')).toHaveText('open')
  expect(app.road.count('/auth/mint')).toBe(0)
  expect(app.road.count('/auth/refresh')).toBe(2)

  // What the answer set is what the browser shows from now on.
  const jar = async () => (await context.cookies()).find(({ name }) => name === '__Host-csrt')?.value
  const old = await jar()
  const again = await context.request.get(`${app.url}/notes`)
  const [, fresh] = /__Host-csrt=([^;]+)/.exec(cookiesSet(again.headersArray()).join()) ?? []
  expect(fresh).toBeTruthy()
  expect(fresh).not.toBe(old)
  expect(await jar()).toBe(fresh)

  app.road.clear()
  for (const answer of await Promise.all(prefetches(context, app)))
    expect(cookiesSet(answer.headersArray())).toEqual([])
  expect(app.road.passed).toEqual([])

  await page.click('nav >> text=Devices')
  await expect(page.getByTestId('devices')).toContainText('this one')
  await page.getByTestId('everywhere').click()
  await expect(page).toHaveURL(/signin/)
  figure('new cookies in the answer of the page; 12 prefetches, 0 refreshes')
})

test('26 Next.js: a cache before the app stores no answer with new cookies', async ({ app, figure }) => {
  await expectPrivate(app)
  figure('nginx with proxy_cache, the article’s way: scripts from the cache, pages never')
})
