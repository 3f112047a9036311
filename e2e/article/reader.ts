/** Playwright's `test` for somebody who follows the article: its app, the auth server, and tabs. */
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test'
import { Visitor } from '../visitor.ts'
import type {} from './page.tsx'
import type {} from './sdk.tsx'
import { type Code, Site } from './site.ts'

export { expect, type Site }

export interface Account {
  email: string
  password: string
}

export const test = base.extend<
  {
    ann: Account
    /** An access token of hers of long ago. */
    stale: string
    open: (code: Code, path?: string, context?: BrowserContext) => Promise<Page>
    complaints: string[]
  },
  { site: Site; account: [Account, string] }
>({
  site: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of what a fixture needs from here
    async ({}, use) => {
      // Access tokens of 2 s, so that they expire while one looks on
      const site = await Site.start({ 'access-ttl': '2s', flight: '0.3s', grace: '1s', 'ws-grace': '0s' })
      await use(site)
      await site.remove()
    },
    { scope: 'worker' },
  ],
  account: [
    async ({ site }, use) => {
      const [visitor, session] = await Visitor.signedUp(site.stack.url)
      await use([visitor, session.jwt_token])
    },
    { scope: 'worker', auto: true },
  ],
  ann: ({ account: [ann] }, use) => use(ann),
  stale: ({ account: [, jwt] }, use) => use(jwt),
  // biome-ignore lint/correctness/noEmptyPattern: as above
  complaints: async ({}, use) => {
    const complaints: string[] = []
    await use(complaints)
    expect(complaints).toEqual([])
  },
  open: async ({ site, context, complaints }, use) => {
    site.reset()
    await use(async (code, path = '/login', where = context) => {
      site.code = code
      const page = await where.newPage()
      page.on('pageerror', error => {
        // As written it signs out twice (a test of its own shows that), and the second time may find no session left
        const isSecond = code === 'as-written' && String(error) === 'ApolloError: There is no session.'
        if (!isSecond) complaints.push(String(error))
      })
      page.on('console', message => {
        // Chromium reports every refused or lost request as an error of the page; and the old packages try `Function()`,
        // which no strict policy lets them, and go on
        const isExpected = /^(Failed to load|WebSocket connection|.*'TrustedScript' assignment)/
        if (message.type() === 'error' && !isExpected.test(message.text())) complaints.push(message.text())
      })
      await page.goto(site.url + path)
      return page
    })
  },
})

/** Fills the form in. */
export async function fillIn(page: Page, { email, password }: Account): Promise<void> {
  await page.locator('[name=username]').fill(email)
  await page.locator('[name=password]').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

export async function signIn(page: Page, account: Account): Promise<void> {
  await fillIn(page, account)
  await expectHome(page, account)
}

export const expectHome = (page: Page, { email }: Account) => expect(page.locator('h1')).toHaveText(email)
export const expectAt = (page: Page, path: string) =>
  expect.poll(() => new URL(page.url()).pathname).toBe(path)

/** What the article's own login fails at: its later sections begin with tokens. */
export async function putTokens(page: Page, { email, password }: Account): Promise<void> {
  await page.evaluate(
    async body => {
      const headers = { 'Content-Type': 'application/json' }
      const response = await fetch('/auth/login', { method: 'POST', headers, body: JSON.stringify(body) })
      const { jwt_token, refresh_token } = await response.json()
      sessionStorage.setItem('jwt', jwt_token)
      sessionStorage.setItem('refreshToken', refresh_token)
    },
    { username: email, password, mode: 'header' },
  )
}

export const stored = (page: Page): Promise<Record<string, string>> =>
  page.evaluate(() => ({ ...sessionStorage }))
export const jwt = async (page: Page): Promise<string> => (await stored(page)).jwt ?? ''
export const claims = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

/** Waits until a token is past its expiry, and how long past. */
export async function expired(token: string, past = 0): Promise<void> {
  const { exp } = claims(token)
  await expect.poll(() => Date.now() > exp * 1000 + past, { intervals: [100] }).toBe(true)
}

/** Lets the page believe that the token has expired, where no second one will be asked for. */
export const looksExpired = async (page: Page): Promise<void> =>
  page.clock.setFixedTime((claims(await jwt(page)).exp + 1) * 1000)

export const me = (page: Page): Promise<string> =>
  page.evaluate(() => window.me().catch((error: Error) => `refused: ${error.message}`))

/** The fingerprint cookie of a browser, and of another that it was copied to. */
export async function fingerprint(context: BrowserContext, copied?: string): Promise<string> {
  const name = '__Host-csfp'
  const url = 'https://localhost'
  if (copied !== undefined) await context.addCookies([{ name, value: copied, url, secure: true }])
  return (await context.cookies()).find(cookie => cookie.name === name)?.value ?? ''
}

/** Asks the API from the page, with a token of one's choice; answers the code of the refusal, or the address. */
export const ask = (page: Page, token: string): Promise<string> =>
  page.evaluate(async token => {
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }
    const body = JSON.stringify({ query: '{ me { email } }' })
    const answer = await (await fetch('/graphql', { method: 'POST', headers, body })).json()
    return answer.errors?.[0].extensions.code ?? answer.data.me.email
  }, token)

/** Counts the refreshes of a page, and keeps what they were answered. */
export function refreshes(page: Page): { count: () => number; answers: Promise<string>[] } {
  const answers: Promise<string>[] = []
  let count = 0
  const isRefresh = (body: string | null) => body?.includes('RefreshJwtToken') ?? false
  page.on('request', request => {
    if (request.method() === 'POST' && isRefresh(request.postData())) count++
  })
  page.on('response', response => {
    if (isRefresh(response.request().postData())) answers.push(response.text())
  })
  return { count: () => count, answers }
}
