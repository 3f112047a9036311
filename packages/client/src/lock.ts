/** The lock around one request. It spares requests; nothing that must be right depends on it. */

import type { World } from './world.ts'

/** A tab's message and the lock's next holder are not in order: this much lets the message be first. */
const lead = 20

/**
 * Runs alone among the tabs that ask for the same lock, if that can be had within `waitMs`, and otherwise anyhow:
 * a stopped tab may sit on the lock, which is never stolen.
 */
export const locked = (
  { locks, timer, isVisible }: World,
  key: string,
  waitMs: number,
  run: () => Promise<unknown>,
): Promise<unknown> =>
  new Promise(resolve => {
    let running: Promise<unknown> | undefined
    const stop = new AbortController()
    const clear = timer(() => stop.abort(), waitMs)
    const start = () => {
      clear()
      running = run()
      resolve(running)
      return running
    }
    const hold = async () => {
      await start()
      if (isVisible()) await new Promise<void>(done => timer(done, lead))
    }
    const held = locks ? locks.request(key, { signal: stop.signal }, hold) : Promise.reject()
    // Not to be had in time, or not at all in this context; or `run` failed.
    held.catch(() => void (running ?? start()))
  })
