/** `examples/next-app` as it is built, with its auth server and its API, and Playwright's `test` with all of them. */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test'
import { Notes } from '../notes.ts'
import { freePort, Program } from '../program.ts'
import { type Flags, Stack } from '../stack.ts'
import { Road } from './road.ts'

export { expect }

export const password = 'correct horse battery staple'
const folder = resolve(import.meta.dirname, '../../examples/next-app')
const next = resolve(import.meta.dirname, '../../node_modules/next/dist/bin/next')

const limits = { 'login-account-limit': 'off', 'login-address-limit': 'off', 'signup-address-limit': 'off' }

export class NextApp {
  readonly url: string
  readonly stack: Stack
  readonly notes: Notes
  readonly road: Road
  readonly #program: Program

  private constructor(url: string, stack: Stack, notes: Notes, road: Road, program: Program) {
    this.url = url
    this.stack = stack
    this.notes = notes
    this.road = road
    this.#program = program
  }

  static async start(flags: Flags = {}, environment: Record<string, string> = {}): Promise<NextApp> {
    const port = String(await freePort())
    const url = `http://localhost:${port}`
    const stack = await Stack.start({ ...limits, origins: url, ...flags })
    const notes = await Notes.start(stack, { origins: url })
    const road = new Road()
    road.target = stack.url
    const made = await stack.command('keys', 'service', 'add', '--scope', 'ssr', '--json')
    const settings = {
      NODE_ENV: 'production',
      AUTH_SERVER: await road.listen(),
      NOTES_API: notes.url,
      COUNTERSIGN_SERVICE_KEY: JSON.parse(made).key,
      NEXT_TELEMETRY_DISABLED: '1',
      // A slow machine is no slow auth server.
      AUTH_PATIENCE_MS: '20000',
      ...environment,
    }
    const words = [next, 'start', '--port', port, '--hostname', 'localhost']
    const program = new Program(process.execPath, words, settings, folder)
    await program.says(/(Ready)/)
    return new NextApp(url, stack, notes, road, program)
  }

  /** What the app's own server complained about. */
  get said(): readonly string[] {
    return this.#program.said
  }

  async remove(): Promise<void> {
    await this.#program.stop()
    this.road.close()
    await this.notes.stop()
    await this.stack.remove()
  }
}

export interface Visits {
  /** A tab of this browser, or of another one, on a page of the app. */
  open(path?: string, context?: BrowserContext): Promise<Page>
  /** A tab of somebody who has just signed up, on the page of notes; answers the address too. */
  signedUp(context?: BrowserContext): Promise<{ page: Page; name: string }>
  /** A browser of its own. */
  browser(options?: { javaScriptEnabled?: boolean }): Promise<BrowserContext>
}

/** Tabs whose pages may not complain, and an app whose server may not. */
export const test = base.extend<
  { visits: Visits; figure: (text: string) => void },
  { flags: Flags; environment: Record<string, string>; app: NextApp }
>({
  flags: [{}, { scope: 'worker', option: true }],
  environment: [{}, { scope: 'worker', option: true }],
  app: [
    async ({ flags, environment }, use) => {
      const app = await NextApp.start(flags, environment)
      await use(app)
      await app.remove()
    },
    { scope: 'worker' },
  ],
  visits: async ({ app, browser, context }, use) => {
    app.road.clear()
    const complaints: string[] = []
    const others: BrowserContext[] = []
    const open = async (path = '/', where = context) => {
      const page = await where.newPage()
      page.on('pageerror', error => complaints.push(String(error)))
      page.on('console', message => {
        // Chromium reports every refused or lost request as an error of the page.
        const isLoss = message.text().startsWith('Failed to load resource')
        if (['error', 'warning'].includes(message.type()) && !isLoss) complaints.push(message.text())
      })
      await page.goto(app.url + path)
      return page
    }
    await use({
      open,
      signedUp: async where => {
        const page = await open('/signup', where)
        const name = `ann-${randomBytes(4).toString('hex')}`
        await page.fill('[name=name]', name)
        await enter(page, `${name}@example.org`)
        await expect(page.getByTestId('notes')).toBeAttached()
        return { page, name }
      },
      browser: async options => {
        const other = await browser.newContext(options)
        others.push(other)
        return other
      },
    })
    for (const other of others) await other.close()
    expect(complaints).toEqual([])
    expect(
      app.said.filter(line => /error|⨯/i.test(line) && !line.includes('auth server could not say')),
    ).toEqual([])
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of what a fixture needs from here
  figure: async ({}, use, info) => {
    await use(text => void info.annotations.push({ type: 'figure', description: text }))
  },
})

export const hint = async (context: BrowserContext): Promise<string> =>
  (await context.cookies()).find(({ name }) => name === '__Host-cshint')?.value ?? ''
export const depth = (hint: string): number => Number(hint.split('.')[1])

/** Writes a note, as its user does, and sees it. */
export async function write(page: Page, text: string): Promise<void> {
  await page.fill('[name=text]', text)
  await page.click('main form button')
  await expect(page.getByTestId('notes')).toContainText(text)
}

/** Fills the form of the entrance in, and sends it. */
export async function enter(page: Page, name: string): Promise<void> {
  await page.fill('[name=username]', name)
  await page.fill('[name=password]', password)
  await page.click('main form button')
}

/** That nothing of a page could be used by whoever keeps a copy of it. */
export const expectNoToken = (html: string) => expect(html).not.toMatch(/eyJ[\w-]+\.eyJ|cs_rt_/)

/** The lines of an answer that set cookies. */
export const cookiesSet = (headers: { name: string; value: string }[]): string[] =>
  headers.filter(({ name }) => /^set-cookie$/i.test(name)).map(({ value }) => value)

/** What Next.js's router fetches before anybody wants it, twelve times at once. */
export const prefetches = (context: BrowserContext, app: NextApp) =>
  Array.from({ length: 12 }, () =>
    context.request.get(`${app.url}/notes`, { headers: { rsc: '1', 'next-router-prefetch': '1' } }),
  )
