/** The article's "Client Setup". */
import type { Page } from '@playwright/test'
import { expect, expectAt, expired, me, putTokens, signIn, stored, test } from './reader.ts'
import { forServer } from './site.ts'

const listen = (page: Page) => page.evaluate(() => window.listen())
const events = (page: Page) => page.evaluate(() => window.events)

test('Client setup, as written: queries show the token, and no subscription reaches the socket', async ({
  open,
  ann,
}) => {
  const page = await open('as-written')
  await putTokens(page, ann)
  await page.goto(new URL('/', page.url()).href)
  await expect(page.locator('h1')).toHaveText(ann.email)
  // `split` calls the function and expects an observable, not a link
  await expect(listen(page)).rejects.toThrow('subscribe is not a function')
})

test('Client setup, as written: the socket of its protocol is understood', async ({ open, site, ann }) => {
  site.links = 'socket'
  const page = await open('as-written')
  await putTokens(page, ann)
  await listen(page)
  await expect.poll(() => events(page)).toEqual(['subscribed'])
})

test('Client setup, as written: a socket opens with the token that has expired, again and again', async ({
  open,
  site,
  stale,
}) => {
  site.links = 'socket'
  const page = await open('as-written')
  await page.evaluate(stale => sessionStorage.setItem('jwt', stale), stale)
  // A server allows a clock to be behind, by 5 s
  await expired(stale, 6_000)
  let sockets = 0
  page.on('websocket', () => sockets++)
  await listen(page)
  await expect.poll(() => sockets).toBeGreaterThan(2)
  expect(await events(page)).toEqual([])
})

for (const code of ['app', 'sdk'] as const)
  test(`Client setup, ${code}: a subscription goes on, with tokens that are new`, async ({ open, ann }) => {
    const page = await open(code)
    await signIn(page, ann)
    const inits = new Set<string>()
    page.on('websocket', socket =>
      socket.on('framesent', ({ payload }) => {
        const token = /Bearer ([^"]+)/.exec(String(payload))?.[1]
        if (token) inits.add(token)
      }),
    )
    await listen(page)
    await expect.poll(() => inits.size, { timeout: 30_000 }).toBeGreaterThan(1)
    // Told each time that the subscription begins, or only once where the socket stayed open
    await expect.poll(() => events(page)).toContain('subscribed')
    expect(await events(page)).not.toContain('error')
  })

test('Client setup, as written: the server has no sessionStorage', async ({ site }) => {
  const code = "export * from './as-written/apollo-client'; export { gql } from '@apollo/client'"
  const { initializeApollo, gql } = await forServer<{
    initializeApollo: () => { query: (options: object) => Promise<unknown> }
    gql: (text: TemplateStringsArray) => unknown
  }>(code, `${site.stack.url}/graphql`)
  const asked = (async () => initializeApollo().query({ query: gql`{ me { email } }` }))()
  await expect(asked).rejects.toThrow('sessionStorage is not defined')
})

test('An expired token, as written: a refusal of GraphQL has no status, and the link throws', async ({
  open,
  site,
  ann,
  complaints,
}) => {
  site.links = 'logout'
  const page = await open('as-written')
  await putTokens(page, ann)
  await page.evaluate(() => sessionStorage.setItem('jwt', 'eyJ.not.one'))
  void me(page).catch(() => {})
  await expect.poll(() => complaints.join()).toContain("reading 'statusCode'")
  complaints.length = 0
  await expectAt(page, '/login')
  expect((await stored(page)).jwt).toBe('eyJ.not.one')
})

for (const code of ['as-written', 'app'] as const)
  test(`An expired token, ${code}: an API that answers 401 logs out`, async ({ open, site, ann }) => {
    site.links = 'logout'
    const page = await open(code)
    await putTokens(page, ann)
    await page.goto(new URL('/', page.url()).href)
    await expect(page.locator('h1')).toHaveText(ann.email)
    await page.route('**/graphql', route =>
      route.fulfill({ status: 401, json: { errors: [{ message: 'no' }] } }),
    )
    void me(page).catch(() => {})
    await expectAt(page, '/login')
    expect((await stored(page)).jwt ?? '').toBe('')
  })

test('An expired token, corrected: so does a refusal of GraphQL', async ({ open, ann, stale }) => {
  const page = await open('app')
  await signIn(page, ann)
  // Of another session: its fingerprint is not this one's. A clock that is behind takes it for valid
  await page.evaluate(stale => {
    const { exp } = JSON.parse(atob(stale.split('.')[1] ?? ''))
    Date.now = () => exp * 1000 - 1_000
    sessionStorage.setItem('jwt', stale)
  }, stale)
  void me(page).catch(() => {})
  await expectAt(page, '/login')
  expect(await stored(page)).toEqual({})
})

test('An expired token, by the SDK: a 401 of an API logs nobody out', async ({ open, ann }) => {
  const page = await open('sdk')
  await signIn(page, ann)
  let refused = 0
  await page.route('**/graphql', route =>
    refused++ ? route.continue() : route.fulfill({ status: 401, json: { errors: [{ message: 'no' }] } }),
  )
  expect(await me(page)).toBe(ann.email)
  expect(refused).toBe(2)
})
