/** The article's "Logout", "Force Log-Out on Multiple Tabs" and "Force Logout of All Sessions/Devices". */
import type { Page } from '@playwright/test'
import {
  ask,
  expect,
  expectAt,
  expectHome,
  fingerprint,
  jwt,
  me,
  putTokens,
  signIn,
  stored,
  test,
} from './reader.ts'

const away = (page: Page) =>
  page.route('**/graphql', route =>
    route.request().postData()?.includes('signout') ? route.abort() : route.continue(),
  )
/** What an API behind the gateway's forward-auth would be told. */
const verify = (page: Page, token: string) =>
  page.evaluate(async token => {
    const answer = await fetch('/auth/verify', { headers: { Authorization: `Bearer ${token}` } })
    return answer.ok ? 'ok' : (await answer.json()).error.code
  }, token)
const goto = (page: Page, path: string) => page.goto(new URL(path, page.url()).href)

test('Logout, as written: the server ends the session, although no token is shown', async ({
  open,
  ann,
  context,
}) => {
  const page = await open('as-written')
  await putTokens(page, ann)
  const token = await jwt(page)
  const cookie = await fingerprint(context)
  expect(await ask(page, token)).toBe(ann.email)
  await goto(page, '/signout')
  await expectAt(page, '/signin')
  expect(await fingerprint(context)).toBe('')
  // The deny-list: whoever copied all that there was, token and cookie, is refused at once
  expect(await fingerprint(context, cookie)).toBe(cookie)
  expect(await ask(page, token)).toBe('SESSION_ENDED')
  expect(await verify(page, token)).toBe('SESSION_ENDED')
})

test('Logout, as written: without the server it never ends', async ({ open, ann, complaints }) => {
  const page = await open('as-written')
  await putTokens(page, ann)
  await away(page)
  await goto(page, '/signout')
  await expect.poll(() => complaints.length).toBeGreaterThan(0)
  complaints.length = 0
  await expect(page.getByText('Signing out...')).toBeVisible()
  expect(new URL(page.url()).pathname).toBe('/signout')
  // The keys are still there, so that this tab will never ask another for tokens
  expect(await stored(page)).toEqual({ jwt: '', refreshToken: '' })
})

test('Logout: as written it is asked for twice, corrected once, also by a page that is being developed', async ({
  open,
  ann,
}) => {
  for (const [code, times] of [
    ['as-written', 2],
    ['app', 1],
    ['app-development', 1],
  ] as const) {
    const page = await open(code)
    await putTokens(page, ann)
    let asked = 0
    page.on('request', request => {
      if (request.postData()?.includes('signout')) asked += 1
    })
    await goto(page, '/signout')
    await expectAt(page, '/signin')
    expect(asked, code).toBe(times)
  }
})

test('Logout, corrected: what a session in cookie mode left in the browser is not in the way', async ({
  open,
  ann,
  context,
}) => {
  const page = await open('app')
  await page.evaluate(
    body =>
      fetch('/auth/login', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }),
    { username: ann.email, password: ann.password },
  )
  await signIn(page, ann)
  const [token, cookie] = [await jwt(page), await fingerprint(context)]
  await page.getByRole('button', { name: 'Log out' }).click()
  await expectAt(page, '/signin')
  await fingerprint(context, cookie)
  expect(await ask(page, token)).toBe('SESSION_ENDED')
})

test('Logout, corrected: with the server and without, this tab is signed out', async ({
  open,
  ann,
  context,
}) => {
  const page = await open('app')
  for (const isAway of [false, true]) {
    await signIn(page, ann)
    const [token, cookie] = [await jwt(page), await fingerprint(context)]
    if (isAway) await away(page)
    await page.getByRole('button', { name: 'Log out' }).click()
    await expectAt(page, '/signin')
    expect(await stored(page)).toEqual({})
    if (isAway) continue
    await fingerprint(context, cookie)
    expect(await ask(page, token)).toBe('SESSION_ENDED')
  }
})

test('Multiple tabs, as written: the other tab shows the form, and keeps the tokens', async ({
  open,
  ann,
}) => {
  const one = await open('as-written')
  await putTokens(one, ann)
  const two = await open('as-written')
  await expect.poll(() => stored(two)).toEqual(await stored(one))
  await goto(two, '/')
  await expectHome(two, ann)
  const kept = await stored(two)
  await goto(one, '/signout')
  await expectAt(two, '/login')
  expect(await stored(two)).toEqual(kept)
})

test('Multiple tabs, corrected: it has none, and the server is not needed for it', async ({ open, ann }) => {
  const one = await open('app')
  await signIn(one, ann)
  const two = await open('app', '/')
  await expectHome(two, ann)
  await away(one)
  await one.getByRole('button', { name: 'Log out' }).click()
  await expectAt(two, '/login')
  await expectAt(one, '/signin')
  expect([await stored(one), await stored(two)]).toEqual([{}, {}])
})

test('Multiple tabs, by the SDK: so is it there', async ({ open, ann, context }) => {
  const one = await open('sdk')
  await signIn(one, ann)
  const two = await open('sdk', '/')
  await expectHome(two, ann)
  await context.route('**/auth/**', route => route.abort())
  await one.getByRole('button', { name: 'Log out' }).click()
  for (const page of [one, two]) {
    await expectAt(page, '/login')
    await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible()
    expect(await page.evaluate(() => window.getJwtToken())).toBe(null)
  }
})

for (const code of ['app', 'sdk'] as const)
  test(`Force logout of all devices, ${code}: each, with its subscription`, async ({
    open,
    ann,
    browser,
  }) => {
    const laptop = await open(code)
    await signIn(laptop, ann)
    const phone = await open(code, '/login', await browser.newContext())
    await signIn(phone, ann)
    let closed = ''
    phone.on('websocket', socket => socket.on('close', () => (closed = socket.url())))
    await phone.evaluate(() => window.listen())
    await expect.poll(() => phone.evaluate(() => window.events)).toContain('subscribed')
    await laptop.getByRole('button', { name: 'Force Logout' }).click()
    await expect.poll(() => closed).toContain('/graphql')
    await expectAt(laptop, '/login')
    // The article's client hears of it when it asks next; the SDK when its socket is closed
    if (code === 'app') void me(phone).catch(() => {})
    await expectAt(phone, '/login')
    await phone.context().close()
  })
