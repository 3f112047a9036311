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
  origin: string
  isSecure: boolean
  isVisible(): boolean
  onPage(listener: (event: PageEvent) => void): () => void
  /** Another tab wrote to storage. */
  onStorage(listener: (key: string | null, value: string | null) => void): () => void
}

const longestTimer = 2 ** 31 - 1

/**
 * A clock that neither sleep nor a corrected time of day can stop or turn back: `performance.now()` stands still
 * while a device sleeps, `Date.now()` goes wherever somebody sets it. The larger step counts; a second of
 * difference is none.
 */
export function steadyClock(wall: () => number, steady: () => number): () => number {
  let [lastWall, lastSteady, sum] = [wall(), steady(), 0]
  return () => {
    const [nowWall, nowSteady] = [wall(), steady()]
    const [byWall, bySteady] = [nowWall - lastWall, nowSteady - lastSteady]
    sum += byWall > bySteady + 1000 ? byWall : bySteady
    lastWall = nowWall
    lastSteady = nowSteady
    return sum
  }
}

/** The browser; on a server, a world in which nothing happens. */
export function browserWorld(): World {
  const page = globalThis.document as Document | undefined
  const place = globalThis.location as Location | undefined
  const wall = () => Date.now()
  let storage: Storage | undefined
  try {
    storage = page && globalThis.localStorage
  } catch {
    // Blocked by the user: other tabs are told by the channel.
  }
  return {
    fetch: (input, init) => globalThis.fetch(input, init),
    now: steadyClock(wall, () => performance.now()),
    wall,
    random: Math.random,
    timer: (run, ms) => {
      const id = setTimeout(run, Math.min(ms, longestTimer))
      return () => clearTimeout(id)
    },
    locks: globalThis.navigator?.locks,
    channel: globalThis.BroadcastChannel && (name => new BroadcastChannel(name)),
    storage,
    cookies: page ?? { cookie: '' },
    host: place?.hostname ?? '',
    origin: place?.origin ?? '',
    isSecure: globalThis.isSecureContext !== false,
    isVisible: () => page?.visibilityState !== 'hidden',
    onPage: listener => {
      const seen = () => listener(page?.visibilityState === 'hidden' ? 'hidden' : 'shown')
      return listen({
        visibilitychange: seen,
        focus: seen,
        // Alive again, though perhaps in a tab that nobody looks at.
        resume: () => listener('shown'),
        pageshow: () => listener('shown'),
        pagehide: () => listener('gone'),
        online: () => listener('online'),
      })
    },
    onStorage: listener =>
      listen({ storage: event => listener((event as StorageEvent).key, (event as StorageEvent).newValue) }),
  }
}

/** Events of the document bubble to the window, but `resume` and `visibilitychange` only when caught on the way down. */
function listen(listeners: Record<string, (event: Event) => void>): () => void {
  const target = globalThis.window as Window | undefined
  for (const type in listeners) target?.addEventListener(type, listeners[type] as EventListener, true)
  return () => {
    for (const type in listeners) target?.removeEventListener(type, listeners[type] as EventListener, true)
  }
}
