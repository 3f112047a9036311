/** Waiting for something to become so. */

import { SessionError } from './errors.ts'
import type { World } from './world.ts'

export interface Wait {
  ms?: number
  signal?: AbortSignal | undefined
  /** What to say when it took too long. */
  error?: () => SessionError | null
}

/** Waits for the first answer of `ready` that is not undefined; whoever changes something calls all of `waiting`. */
export function until<T>(
  waiting: Set<() => void>,
  world: World,
  ready: () => T | undefined,
  { ms, signal, error }: Wait = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => {
      waiting.delete(look)
      if (stop) stop()
      signal?.removeEventListener('abort', abort)
      finish()
    }
    const look = () => {
      try {
        const found = ready()
        if (found !== undefined) end(() => resolve(found))
      } catch (error) {
        end(() => reject(error))
      }
    }
    const abort = () => end(() => reject(SessionError.of('ABORTED')))
    const stop = ms && world.timer(() => end(() => reject(error?.() ?? SessionError.of('TIMEOUT'))), ms)
    signal?.addEventListener('abort', abort)
    waiting.add(look)
    if (signal?.aborted) abort()
    else look()
  })
}
