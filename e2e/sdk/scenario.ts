/** Playwright's `test` for scenarios of the SDK: an app with its auth server, and tabs of one browser. */
import { randomBytes } from 'node:crypto'
import type { SessionOptions } from '@countersign/client'
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test'
import type { Flags } from '../stack.ts'
import { App } from './app.ts'
import type {} from './pages/core.ts'

export { type App, expect }

export const password = 'correct horse battery staple'
/** Races are run this often. */
export const rounds = 25

/** What can be told to a page. */
export type Options = Omit<SessionOptions, 'onEvent' | 'transport' | 'world'>

export interface Tabs {
  /** Another tab; `path` is the page, `options` those of its session. */
  open(path?: string, options?: Options): Promise<Page>
  /** One tab in which somebody signed in. */
  signedIn(options?: Options): Promise<Page>
  /** What the pages complained about; a scenario that expects it takes it away. */
  complaints: string[]
}

export const test = base.extend<{ tabs: Tabs; figure: (text: string) => void }, { flags: Flags; app: App }>({
  flags: [{}, { scope: 'worker', option: true }],
  app: [
    async ({ flags }, use) => {
      const app = await App.start(flags)
      await use(app)
      await app.remove()
    },
    { scope: 'worker' },
  ],
  tabs: async ({ app, context }, use) => {
    app.clear()
    const tabs = tabsOf(app, context)
    await use(tabs)
    app.clear()
    expect(tabs.complaints).toEqual([])
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of what a fixture needs from here
  figure: async ({}, use, info) => {
    await use(text => void info.annotations.push({ type: 'figure', description: text }))
  },
})

export function tabsOf(app: App, context: BrowserContext): Tabs {
  const complaints: string[] = []
  const open = async (path = '/core', options: Options = {}) => {
    const page = await context.newPage()
    page.on('pageerror', error => complaints.push(String(error)))
    page.on('console', message => {
      // Chromium reports every refused or lost request as an error of the page.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text())
    })
    await page.addInitScript(options => {
      window.options = options
    }, options)
    await page.goto(app.url + path)
    await page.waitForFunction(() => window.session)
    return page
  }
  return {
    complaints,
    open,
    signedIn: async options => {
      const page = await open('/core', options)
      await signUp(page)
      app.asked.length = 0
      return page
    },
  }
}

/** A new account; answers its name. */
export async function signUp(page: Page): Promise<string> {
  const email = `${randomBytes(6).toString('hex')}@example.org`
  await page.evaluate(
    ([email, password]) => window.session.signIn({ email, password }, { path: 'signup' }),
    [email, password],
  )
  return email
}

export const status = (page: Page): Promise<string> =>
  page.evaluate(() => window.session.getSnapshot().status)
export const reason = (page: Page): Promise<string> =>
  page.evaluate(() => window.session.getSnapshot().reason)
export const token = (page: Page): Promise<string | null> =>
  page.evaluate(() => window.session.getAccessToken())

export const expectStatus = (page: Page, wanted: string) => expect.poll(() => status(page)).toBe(wanted)

/** Moves the clocks of a tab by themselves: `wall` what the user reads, `steady` what counts up. */
export async function clocks(page: Page, move: { wall?: number; steady?: number }): Promise<void> {
  await page.evaluate(({ wall = 0, steady = 0 }) => {
    const { now } = Date
    const count = performance.now.bind(performance)
    Date.now = () => now() + wall
    performance.now = () => count() + steady
  }, move)
}

/** As if so much time had passed in this tab, and the page were looked at again. */
export async function later(page: Page, ms: number, look = true): Promise<void> {
  await clocks(page, { wall: ms, steady: ms })
  if (look) await page.evaluate(() => void dispatchEvent(new Event('focus')))
}

export const milliseconds = (since: number): number => Math.round(performance.now() - since)
