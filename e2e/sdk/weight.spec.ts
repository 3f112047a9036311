import type { Browser, Page } from '@playwright/test'
import { expect, later, signUp, test } from './scenario.ts'

declare global {
  interface Window {
    open_: { timers: Set<unknown>; channels: Set<unknown> }
  }
}

interface Traced {
  name: string
  pid: number
  tid: number
  /** Of the processor, in microseconds: what else the machine did is not in it. */
  tdur?: number
  args?: { data?: { url?: string } }
}

/** The longest piece of a page's script, or of what follows from it, in milliseconds. */
async function longest(browser: Browser, page: Page, run: () => Promise<unknown>): Promise<number> {
  await browser.startTracing(page, { categories: ['devtools.timeline', 'v8'] })
  await run()
  const { traceEvents }: { traceEvents: Traced[] } = JSON.parse(String(await browser.stopTracing()))
  const isOurs = ({ name, args }: Traced) =>
    name === 'FunctionCall' && !!args?.data?.url?.endsWith('/core.js')
  const threads = new Set(traceEvents.filter(isOurs).map(({ pid, tid }) => `${pid} ${tid}`))
  const pieces = traceEvents.filter(
    event => isOurs(event) || (event.name === 'RunMicrotasks' && threads.has(`${event.pid} ${event.tid}`)),
  )
  expect(pieces.length).toBeGreaterThan(20)
  return Math.max(...pieces.map(({ tdur = 0 }) => tdur)) / 1000
}

test('66 one timer, one channel, and no long task', async ({ app, browser, context, tabs, figure }) => {
  await context.addInitScript(() => {
    const timers = new Set<unknown>()
    const channels = new Set<unknown>()
    window.open_ = { timers, channels }
    const { setTimeout, clearTimeout, BroadcastChannel } = window
    Object.assign(window, {
      setTimeout: (run: () => void, ms: number) => {
        const id = setTimeout(() => {
          timers.delete(id)
          run()
        }, ms)
        timers.add(id)
        return id
      },
      clearTimeout: (id: number) => {
        timers.delete(id)
        clearTimeout(id)
      },
      BroadcastChannel: class extends BroadcastChannel {
        constructor(name: string) {
          super(name)
          channels.add(this)
        }
        override close() {
          channels.delete(this)
          super.close()
        }
      },
    })
  })
  const page = await tabs.open()
  const open = () => page.evaluate(() => [window.open_.timers.size, window.open_.channels.size])
  const piece = await longest(browser, page, async () => {
    await signUp(page)
    await expect.poll(open).toEqual([1, 1])
    const other = await tabs.open()
    for (let i = 0; i < 5; i++) {
      await page.evaluate(() => window.session.refresh())
      await other.evaluate(() => window.session.refresh())
      await later(page, 900_000)
      await page.evaluate(() =>
        Promise.all(Array.from({ length: 50 }, () => window.session.getAccessToken())),
      )
    }
    await expect.poll(open).toEqual([1, 1])
    await page.evaluate(() => window.session.signOut())
    await expect.poll(open).toEqual([0, 1])
    await page.evaluate(() => window.session.close())
    await expect.poll(open).toEqual([0, 0])
  })
  figure(
    `at rest 1 timer and 1 channel, 0 after the end; over ${app.refreshes()} refreshes the longest piece of its work took ${piece.toFixed(1)} ms of the processor`,
  )
})
