import { execFileSync } from 'node:child_process'
import type { Page } from '@playwright/test'
import { Visitor } from '../visitor.ts'
import {
  expect,
  expectStatus,
  later,
  milliseconds,
  reason,
  rounds,
  signUp,
  status,
  tabsOf,
  test,
  token,
} from './scenario.ts'

const life = 900_000

/** The process that runs a page's script: the one whose time grows while the page is busy. */
async function renderer(page: Page): Promise<number> {
  const browser = page.context().browser()
  const session = await browser?.newBrowserCDPSession()
  const times = async () => {
    const { processInfo } = (await session?.send('SystemInfo.getProcessInfo')) ?? { processInfo: [] }
    return new Map(
      processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]),
    )
  }
  const before = await times()
  await page.evaluate(() => {
    const end = performance.now() + 600
    while (performance.now() < end);
  })
  const after = [...(await times())].map(([id, time]) => [id, time - (before.get(id) ?? 0)] as const)
  await session?.detach()
  return after.sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0
}

const signal = (pid: number, name: string) => execFileSync('kill', [`-${name}`, String(pid)])

test('14 a tab that is stopped with the lock delays others for the lock’s wait', async ({
  app,
  tabs,
  figure,
}) => {
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  const pid = await renderer(one)
  expect(pid).not.toBe(await renderer(two))
  app.weather = { delay: 1_000 }
  await later(one, life)
  await expect.poll(() => app.refreshes()).toBe(1)
  signal(pid, 'STOP')
  let waited: number
  try {
    app.weather = {}
    await later(two, life + 1_000)
    const began = performance.now()
    expect(await token(two)).toBeTruthy()
    waited = milliseconds(began)
  } finally {
    signal(pid, 'CONT')
  }
  expect(await token(one)).toBeTruthy()
  expect(await status(one)).toBe('signedIn')
  expect(await status(two)).toBe('signedIn')
  figure(`${waited} ms; the stopped tab goes on`)
})

test('15 a log-out during a refresh stays one, in every tab', async ({ app, context, tabs, figure }) => {
  test.slow()
  const pages = [await tabs.open(), await tabs.open(), await tabs.open()]
  const [one, two] = pages as [Page, Page, Page]
  for (let round = 0; round < rounds; round++) {
    await signUp(one)
    for (const page of pages) await expectStatus(page, 'signedIn')
    app.clear()
    // Half of the rounds before the server acted, half after.
    app.weather = { ...(round % 2 ? { delay: 200 } : { lag: 200 }), only: '/auth/refresh' }
    await later(one, life + 1_000)
    await expect.poll(() => app.refreshes(), { intervals: [10] }).toBe(1)
    await (round % 3 ? one : two).evaluate(() => window.session.signOut())
    await one.waitForTimeout(300)
    for (const page of pages) expect(await status(page)).toBe('signedOut')
    expect(await context.cookies(), `round ${round}`).toEqual([])
  }
  figure(`${rounds} of ${rounds} rounds: signed out in 3 tabs, no cookie left`)
})

test('18 Back to a page from before a log-out shows that nobody is signed in', async ({
  app,
  tabs,
  figure,
}) => {
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  await one.evaluate(() =>
    addEventListener('pageshow', event => {
      Object.assign(window, { back: [event.persisted, window.session.getSnapshot().status] })
    }),
  )
  await one.goto('about:blank')
  await two.evaluate(() => window.session.signOut())
  app.asked.length = 0
  await one.goBack({ waitUntil: 'commit' })
  const back = () => one.evaluate(() => (window as unknown as { back: unknown }).back)
  await expect.poll(back).toEqual([true, 'signedOut'])
  expect(app.asked).toEqual([])
  figure('kept for Back, signed out when shown, 0 requests')
})

test('19 the page stays fit for Back while other tabs talk', async ({ tabs, figure }) => {
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  await one.evaluate(() =>
    addEventListener('pageshow', ({ persisted }) => Object.assign(window, { persisted })),
  )
  await one.goto('about:blank')
  for (let i = 0; i < 3; i++) await two.evaluate(() => window.session.refresh())
  await one.goBack({ waitUntil: 'commit' })
  await expect
    .poll(() => one.evaluate(() => (window as unknown as { persisted: boolean }).persisted))
    .toBe(true)
  expect(await token(one)).toBeTruthy()
  figure('restored after 3 refreshes elsewhere')
})

test('28 a log-out without network is one at once, and for the server later', async ({
  app,
  context,
  tabs,
  figure,
}) => {
  const page = await tabs.signedIn()
  const [hint] = (await context.cookies()).filter(({ name }) => name === '__Host-cshint')
  app.weather = { drop: true }
  await page.evaluate(() => window.session.signOut())
  expect(await status(page)).toBe('signedOut')
  await page.reload()
  expect(await status(page)).toBe('signedOut')
  expect(app.refreshes()).toBe(0)
  const held = (await context.cookies()).map(({ name, value }) => [name, value] as [string, string])
  app.weather = {}
  await page.evaluate(() => void dispatchEvent(new Event('online')))
  await expect.poll(async () => (await context.cookies()).length).toBe(0)
  const old = new Visitor(app.stack.url, [...held, ['__Host-cshint', hint?.value ?? '']])
  await expect(old.refresh()).rejects.toMatchObject({ code: 'SESSION_ENDED', reason: 'logout' })
  figure('0 refreshes; the server knew as soon as it could be reached')
})

test('29 a log-out of all devices reaches every tab by one request', async ({
  app,
  browser,
  tabs,
  figure,
}) => {
  const pages = [await tabs.open()]
  const email = await signUp(pages[0] as Page)
  while (pages.length < 4) pages.push(await tabs.open())
  for (const page of pages) await expectStatus(page, 'signedIn')
  const context = await browser.newContext()
  const phone = await tabsOf(app, context).open()
  await phone.evaluate(
    ([username, password]) => window.session.signIn({ username, password }),
    [email, 'correct horse battery staple'],
  )
  await phone.evaluate(() => window.session.signOut({ scope: 'all' }))
  expect(await status(phone)).toBe('signedOut')
  await context.close()
  app.asked.length = 0
  await later(pages[0] as Page, life)
  for (const page of pages) {
    await expectStatus(page, 'signedOut')
    expect(await reason(page)).toBe('logout')
  }
  expect(app.refreshes()).toBe(1)
  figure('4 tabs, 1 request')
})
