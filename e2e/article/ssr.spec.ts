/** The article's "Server-Side Rendering". */
import type { Page } from '@playwright/test'
import { Visitor } from '../visitor.ts'
import { expect, expectAt, expectHome, me, signIn, test } from './reader.ts'

const sid = async (page: Page) => {
  const token = await page.evaluate(() => window.getJwtToken())
  return JSON.parse(atob(token?.split('.')[1] ?? '')).sid
}
test('SSR: the page is rendered for its user, and goes on with the cookie that came with it', async ({
  open,
  ann,
}) => {
  const page = await open('sdk')
  await signIn(page, ann)
  const before = await sid(page)
  for (let round = 0; round < 2; round++) {
    const [answer] = await Promise.all([
      page.waitForResponse('**/rendered'),
      page.goto(new URL('/rendered', page.url()).href),
    ])
    expect(await answer.text()).toContain(ann.email)
    expect(await answer.text()).not.toMatch(/eyJ|cs_rt_/)
    expect(answer.headers()['cache-control']).toBe('private, no-store')
    await expectHome(page, ann)
    expect(await me(page)).toBe(ann.email)
  }
  expect(await sid(page)).toBe(before)
})

test('SSR: an old cookie goes on too, where the page forgot to send the new one', async ({
  open,
  site,
  ann,
  context,
}) => {
  const page = await open('sdk')
  await signIn(page, ann)
  const before = await sid(page)
  const cookies = await context.cookies()
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  const { serverSideProps } = await site.ssr()
  // In the article, what has been used once is spent, and its user logged out
  const rendered = await serverSideProps(site.stack.url, new Headers({ cookie }))
  expect(JSON.stringify(rendered.initialApolloState)).toContain(ann.email)
  expect(rendered.headers.getSetCookie()).not.toEqual([])
  await page.reload()
  await expectHome(page, ann)
  expect(await sid(page)).toBe(before)
})

test('SSR: nobody, half a cookie and a page that is fetched in advance cost no refresh', async ({
  open,
  site,
  ann,
  context,
}) => {
  const page = await open('sdk')
  await signIn(page, ann)
  const cookies = await context.cookies()
  const all = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  const { serverSideProps } = await site.ssr()
  for (const asked of [
    {},
    { cookie: all.replace(/__Host-csfp=[^;]+/, '') },
    { cookie: all, 'sec-purpose': 'prefetch;prerender' },
  ]) {
    const { headers, initialApolloState } = await serverSideProps(site.stack.url, new Headers(asked))
    expect(initialApolloState).toBe(null)
    expect(headers.getSetCookie()).toEqual([])
  }
  const anonymous = await context.browser()?.newContext()
  const stranger = await open('sdk', '/rendered', anonymous)
  await expectAt(stranger, '/login')
  await anonymous?.close()
})

test('SSR: users who are served at once see their own', async ({ site }) => {
  const visitors = await Promise.all([1, 2].map(() => Visitor.signedUp(site.stack.url)))
  const { serverSideProps } = await site.ssr()
  const twenty = Array.from({ length: 20 }, (_, at) => visitors[at % 2]?.[0] as Visitor)
  await Promise.all(
    twenty.map(async visitor => {
      const { initialApolloState } = await serverSideProps(
        site.stack.url,
        new Headers({ cookie: visitor.cookie() }),
      )
      const text = JSON.stringify(initialApolloState)
      for (const [one] of visitors) expect(text.includes(one.email)).toBe(one === visitor)
    }),
  )
})
