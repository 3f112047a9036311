/** Playwright's `test` with a server and with eyes on the console: a page that complains fails its test. */
import { randomBytes } from 'node:crypto'
import { type BrowserContext, test as base, expect, type Locator, type Page } from '@playwright/test'
import { Stack } from './stack.ts'

export { expect }

export const password = 'correct horse battery staple'

/** Access tokens of 4 s, so that a silent refresh comes soon, and a grace of 1 s, so that it counts as a new generation. */
export const test = base.extend<{ visit: (context: BrowserContext) => Promise<Visit> }, { stack: Stack }>({
  stack: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of what a fixture needs from here
    async ({}, use) => {
      const stack = await Stack.start({ 'access-ttl': '4s', flight: '0.3s', grace: '1s' })
      await use(stack)
      await stack.remove()
    },
    { scope: 'worker' },
  ],
  visit: async ({ stack }, use) => {
    const complaints: string[] = []
    await use(async context => {
      const page = await context.newPage()
      page.on('pageerror', error => complaints.push(String(error)))
      page.on('console', message => {
        // Chromium reports every refusal by the API as an error of the page; the page itself expects them.
        const refusal = new URL(message.location().url, stack.url).pathname.startsWith('/auth/')
        if (message.type() === 'error' && !refusal)
          complaints.push(`${message.text()} (${message.location().url})`)
      })
      await page.goto(stack.url)
      return new Visit(page)
    })
    expect(complaints).toEqual([])
  },
})

/** One open page, in the words of its visitor. */
export class Visit {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  part(name: string): Locator {
    return this.page.getByTestId(name)
  }

  /** A new account; answers its e-mail address. */
  async signUp(): Promise<string> {
    const email = `${randomBytes(6).toString('hex')}@example.org`
    await this.part('switch-mode').click()
    await this.part('email').fill(email)
    await this.submit()
    await expect(this.part('session-view')).toBeVisible()
    return email
  }

  async signIn(name: string): Promise<void> {
    await this.part('username').fill(name)
    await this.submit()
    await expect(this.part('session-view')).toBeVisible()
  }

  async submit(): Promise<void> {
    await this.part('password').fill(password)
    await this.part('submit').click()
  }

  async text(name: string): Promise<string> {
    return (await this.part(name).textContent()) ?? ''
  }

  async number(name: string): Promise<number> {
    return Number(/\d+/.exec(await this.text(name))?.[0])
  }
}
