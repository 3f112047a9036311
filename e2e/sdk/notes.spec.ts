import type { Page } from '@playwright/test'
import { Notes } from '../notes.ts'
import { type App, test as base, expect, expectStatus, password, reason, signUp, tabsOf } from './scenario.ts'

const test = base.extend<object, { notes: Notes }>({
  notes: [
    async ({ app }, use) => {
      const notes = await Notes.start(app.stack, { origins: app.url, 'ws-grace': '2s' })
      app.csp = `default-src 'self'; connect-src 'self' ${notes.url} ${notes.url.replace('http', 'ws')}`
      await use(notes)
      await notes.stop()
    },
    { scope: 'worker' },
  ],
})
test.use({ flags: { 'access-ttl': '5s', flight: '1s', grace: '3s' } })

const path = (notes: Notes) => `/notes?api=${notes.url}`
const subscribe = async (page: Page) => {
  await page.evaluate(() => void window.subscribe())
  await expect.poll(() => page.evaluate(() => window.sockets)).toBe(1)
}

test('51 a subscription to the notes API outlives its tokens on one socket', async ({
  app,
  notes,
  tabs,
  figure,
}) => {
  const page = await tabs.open(path(notes))
  await signUp(page)
  await subscribe(page)
  let sent = 0
  while (app.refreshes() < 5) {
    expect(await page.evaluate(text => window.add(text), `note ${++sent}`)).toBe(200)
    await page.waitForTimeout(150)
  }
  const all = Array.from({ length: sent }, (_, i) => `note ${i + 1}`)
  await expect.poll(() => page.evaluate(() => window.notes)).toEqual(all)
  expect(await page.evaluate(() => window.sockets)).toBe(1)
  figure(`${app.refreshes()} new tokens, ${sent} notes in order, 0 lost, 0 doubled, 1 socket`)
})

async function devices(app: App, notes: Notes, browser: import('@playwright/test').Browser) {
  const contexts = await Promise.all([1, 2, 3].map(() => browser.newContext()))
  const [laptop, phone, tablet] = contexts.map(context => tabsOf(app, context))
  const first = await (laptop as NonNullable<typeof laptop>).open(path(notes))
  const email = await signUp(first)
  const pages = [first, await (laptop as NonNullable<typeof laptop>).open(path(notes))]
  for (const device of [phone, tablet]) {
    const page = await (device as NonNullable<typeof device>).open(path(notes))
    await page.evaluate(
      ([username, password]) => window.session.signIn({ username, password }),
      [email, password],
    )
    pages.push(page)
  }
  for (const page of pages) {
    await expectStatus(page, 'signedIn')
    await subscribe(page)
  }
  return { pages, close: () => Promise.all(contexts.map(context => context.close())) }
}

test('52 one log-out everywhere: two tabs and three devices with a subscription', async ({
  app,
  browser,
  notes,
  tabs,
  figure,
}) => {
  const { pages, close } = await devices(app, notes, browser)
  const [first] = pages as [Page]
  const tokens = await Promise.all(pages.map(page => page.evaluate(() => window.session.getAccessToken())))
  const began = await first.evaluate(() => {
    const now = performance.timeOrigin + performance.now()
    void window.session.signOut({ scope: 'all' })
    return now
  })
  for (const page of pages) await expectStatus(page, 'signedOut')
  const outs = await Promise.all(pages.map(page => page.evaluate(() => window.out)))
  const took = outs.map(out => Math.round(out - began))
  expect(await Promise.all(pages.map(reason))).toEqual(['user', 'other-tab', 'logout', 'logout'])
  for (const [i, page] of pages.entries()) {
    const refused = await page.evaluate(
      async ([url, bearer]) => {
        const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${bearer}` }
        const body = JSON.stringify({ query: '{ notes { id } }' })
        const answer = await fetch(`${url}/graphql`, {
          method: 'POST',
          credentials: 'include',
          headers,
          body,
        })
        return [answer.status, (await answer.json()).error?.code]
      },
      [notes.url, tokens[i]],
    )
    expect(refused[0]).toBe(401)
  }
  await close()
  expect(tabs.complaints).toEqual([])
  figure(`signed out after ${took.join(', ')} ms; every old token refused`)
})
