/** For this package's own tests. */
import { createSession, type Session, type SessionOptions } from '../index.ts'
import { Browser, type Tab } from './browser.ts'
import { ManualClock } from './clock.ts'
import { MemoryServer } from './server.ts'

export interface Scene {
  clock: ManualClock
  server: MemoryServer
  browser: Browser
  open(options?: SessionOptions, tab?: Tab): Session
}

export function scene(): Scene {
  const clock = new ManualClock()
  const server = new MemoryServer(clock)
  const browser = new Browser(server.serve, clock)
  return {
    clock,
    server,
    browser,
    open: (options, tab = browser.tab()) => createSession({ world: tab, ...options }),
  }
}

/** The same, and somebody who signed in and closed the tab. */
export async function returning({ signedIn = true } = {}) {
  const { clock, server, browser } = scene()
  const open = (options: SessionOptions = {}, tab: Tab = browser.tab()): [Session, Tab] => [
    createSession({ world: tab, ...options }),
    tab,
  ]
  if (signedIn) {
    const [session] = open()
    await run(clock, session.signIn({ username: 'ann' }))
    session.close()
    server.asked.length = 0
    await clock.advance(100)
  }
  return { clock, server, browser, open }
}

/** Lets time pass until it is answered. */
export async function run<T>(clock: ManualClock, answer: Promise<T>): Promise<T> {
  let isOver = false
  const over = () => {
    isOver = true
  }
  answer.then(over, over)
  for (let i = 0; i < 400 && !isOver; i++) await clock.advance(50)
  if (!isOver) throw new Error('it hangs')
  return answer
}
