/** What the outside gives a session. Tests give their own. */

/** What happens to the page. `gone`: unloaded, or kept for Back. `shown`: looked at, or alive again. */
export type PageEvent = 'gone' | 'hidden' | 'online' | 'shown'

export interface World {
  fetch: typeof globalThis.fetch
  /** Milliseconds that passed since any fixed moment, sleep of the device included. Never the time of day. */
  now(): number
  /** Of the device: only compared with itself, between two tabs, to know how long a message was under way. */
  wall(): number
  random(): number
  /** Calls once, later; answers how to stop it. */
  timer(run: () => void, ms: number): () => void
  locks: Pick<LockManager, 'request'> | undefined
  channel: ((name: string) => Pick<BroadcastChannel, 'close' | 'onmessage' | 'postMessage'>) | undefined
  storage: Pick<Storage, 'getItem' | 'removeItem' | 'setItem'> | undefined
  /** `document.cookie`: what scripts may read and remove. */
  cookies: { cookie: string }
  /** Of the page: where cookies are. */
  host: string
  isSecure: boolean
  isVisible(): boolean
  /** `stored`: another tab wrote to storage, or removed from it. */
  listen(hear: (event: PageEvent | 'stored', key?: string | null) => void): () => void
}

/** Storage may be blocked, or full; a channel not allowed in a sandboxed frame; a message anything. */
export function quietly<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

const longestTimer = 2 ** 31 - 1

/**
 * A clock that neither sleep nor a corrected time of day can stop or turn back: `performance.now()` stands still
 * while a device sleeps, `Date.now()` goes wherever somebody sets it. The larger step counts; a second of
 * difference is none.
 */
export function steadyClock(wall: () => number, steady: () => number): () => number {
  let gap = wall() - steady()
  let slept = 0
  return () => {
    const now = wall() - steady()
    if (now - gap > 1000) slept += now - gap
    gap = now
    return steady() + slept
  }
}

/** What the browser calls it; what has no name here depends on whether somebody looks. Some may be alive unseen. */
const events: Record<string, PageEvent | 'stored' | null> = {
  focus: null,
  online: 'online',
  pagehide: 'gone',
  pageshow: 'shown',
  resume: 'shown',
  storage: 'stored',
  visibilitychange: null,
}

/** The browser; on a server, a world in which nothing happens. */
export function browserWorld(): World {
  const { document, location, navigator, BroadcastChannel } = globalThis as Partial<typeof globalThis>
  const wall = () => Date.now()
  const isVisible = () => document?.visibilityState !== 'hidden'
  return {
    fetch: (input, init) => fetch(input, init),
    now: steadyClock(wall, () => performance.now()),
    wall,
    random: Math.random,
    timer: (run, ms) => {
      const id = setTimeout(run, Math.min(ms, longestTimer))
      return () => clearTimeout(id)
    },
    locks: navigator?.locks,
    channel: BroadcastChannel && (name => new BroadcastChannel(name)),
    // Where it is blocked other tabs are told by the channel.
    storage: quietly(() => document && localStorage),
    cookies: document ?? { cookie: '' },
    host: location?.hostname || 'server',
    isSecure: globalThis.isSecureContext !== false,
    isVisible,
    listen: hear => {
      const stop = new AbortController()
      const heard = ({ type, key }: StorageEvent) =>
        hear(events[type] ?? (isVisible() ? 'shown' : 'hidden'), key)
      // Events of the document reach the window, but some only when caught on the way down.
      if (document)
        for (const type in events)
          addEventListener(type, heard as (event: Event) => void, { capture: true, signal: stop.signal })
      return () => stop.abort()
    },
  }
}
