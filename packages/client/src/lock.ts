/** The lock around one refresh. It spares requests; nothing that must be right depends on it. */

import type { World } from './world.ts'

/** A tab's message and the lock's next holder are not in order: this much lets the message be first. */
const lead = 20

/**
 * Runs alone among the tabs that ask for the same lock, if that can be had within `waitMs`, and otherwise anyhow:
 * a stopped tab may sit on the lock, which is never stolen. `run` is told whether it had to queue, and
 * answers whether it told the other tabs something.
 */
export async function locked(
  world: World,
  key: string | false,
  waitMs: number,
  run: (wasQueued: boolean) => Promise<unknown>,
): Promise<unknown> {
  const { locks } = world
  if (!locks || !key) return run(false)
  return new Promise((resolve, reject) => {
    let isRunning = false
    const hold = async (wasQueued: boolean): Promise<void> => {
      isRunning = true
      const result = run(wasQueued)
      result.then(resolve, reject)
      const hasNews = await result.catch(() => false)
      if (hasNews && world.isVisible()) await new Promise<void>(done => world.timer(done, lead))
    }
    const queue = async (): Promise<void> => {
      const stop = new AbortController()
      const clear = world.timer(() => stop.abort(), waitMs)
      await locks.request(key, { signal: stop.signal }, () => {
        clear()
        return hold(true)
      })
    }
    locks
      .request(key, { ifAvailable: true }, lock => (lock ? hold(false) : false))
      .then(taken => (taken === false ? queue() : undefined))
      // Not to be had in time, or not at all in this context.
      .catch(() => {
        if (!isRunning) run(true).then(resolve, reject)
      })
  })
}
