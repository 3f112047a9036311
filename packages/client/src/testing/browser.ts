/** The parts of a browser that a session uses, shared by its tabs. */

import type { PageEvent, World } from '../world.ts'
import { ManualClock } from './clock.ts'

export type Fetch = (jar: Map<string, string>, path: string, init: RequestInit) => Promise<Response>

/** A tab: a `World` for `createSession`, and what a test does to it. */
export interface Tab extends World {
  visible: boolean
  /** What the browser tells the page. */
  happen(event: PageEvent): void
  /** The page is gone, with everything it waited for. */
  crash(): void
}

export class Browser {
  readonly clock: ManualClock
  readonly jar = new Map<string, string>()
  readonly stored = new Map<string, string>()
  readonly #channels = new Set<{ name: string; tab: object; hear: (data: unknown) => void }>()
  readonly #storage = new Set<{
    tab: object
    listener: (key: string | null) => unknown
  }>()
  readonly #queues = new Map<string, (() => void)[]>()
  readonly #serve: Fetch

  constructor(serve: Fetch, clock: ManualClock = new ManualClock()) {
    this.#serve = serve
    this.clock = clock
  }

  /** Names and values that scripts may read. */
  get readable(): string {
    return [...this.jar]
      .filter(([name]) => name === '__Host-cshint')
      .map(pair => pair.join('='))
      .join('; ')
  }

  tab(without: Partial<Record<'channel' | 'locks' | 'storage', undefined>> = {}): Tab {
    const { clock, jar } = this
    const browser = this
    const listeners = new Set<Parameters<World['listen']>[0]>()
    let isCrashed = false
    let isCached = false
    const tab: Tab = {
      visible: true,
      happen: event => {
        isCached = event === 'gone' || (isCached && event !== 'shown')
        for (const listener of listeners) listener(event)
      },
      crash: () => {
        isCrashed = true
        listeners.clear()
        for (const one of this.#channels) if (one.tab === tab) this.#channels.delete(one)
      },
      fetch: async (input, init = {}) => {
        init.signal?.throwIfAborted()
        const answer = await this.#serve(jar, new URL(String(input), 'http://localhost').pathname, init)
        return isCrashed ? new Promise(() => {}) : answer
      },
      now: () => clock.time,
      wall: () => clock.time,
      random: Math.random,
      timer: (run, ms) => clock.timer(() => isCrashed || run(), ms),
      locks: { request: this.#request.bind(this) as LockManager['request'] },
      channel: name => {
        const line = {
          onmessage: null as ((event: MessageEvent) => void) | null,
          postMessage: (data: unknown) => {
            for (const other of browser.#channels)
              if (other.name === name && other.tab !== tab)
                queueMicrotask(() => other.hear(structuredClone(data)))
          },
          close: () => void browser.#channels.delete(end),
        }
        const end = { name, tab, hear: (data: unknown) => line.onmessage?.({ data } as MessageEvent) }
        browser.#channels.add(end)
        return line as Pick<BroadcastChannel, 'close' | 'onmessage' | 'postMessage'>
      },
      storage: {
        getItem: key => this.stored.get(key) ?? null,
        setItem: (key, value) => this.#write(tab, key, value),
        removeItem: key => this.#write(tab, key, null),
      },
      cookies: {
        get cookie() {
          return browser.readable
        },
        set cookie(text: string) {
          if (text.includes('Max-Age=0')) jar.delete(text.split('=')[0] as string)
        },
      },
      host: 'localhost',
      isSecure: true,
      isVisible: () => tab.visible,
      listen: hear => {
        const one = {
          tab,
          // A page that is kept for Back hears nothing.
          listener: (key: string | null) => isCached || hear('stored', key),
        }
        listeners.add(hear)
        this.#storage.add(one)
        return () => {
          listeners.delete(hear)
          this.#storage.delete(one)
        }
      },
      ...without,
    }
    return tab
  }

  #write(tab: object, key: string, value: string | null): void {
    if (value === null) this.stored.delete(key)
    else this.stored.set(key, value)
    for (const one of this.#storage) if (one.tab !== tab) queueMicrotask(() => one.listener(key))
  }

  async #request(name: string, options: LockOptions, run: (lock: Lock | null) => unknown): Promise<unknown> {
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    if (options.ifAvailable && queue.length) return run(null)
    await new Promise<void>((granted, refused) => {
      queue.push(granted)
      if (queue.length === 1) granted()
      options.signal?.addEventListener('abort', () => {
        const at = queue.indexOf(granted)
        if (at > 0) {
          queue.splice(at, 1)
          refused(options.signal?.reason)
        }
      })
    })
    try {
      return await run({ name, mode: 'exclusive' })
    } finally {
      queue.shift()
      queue[0]?.()
    }
  }
}
