/** What tabs of one origin say to each other, in memory only. Everything heard is checked before it is believed. */

import type { Told } from './token.ts'
import type { EndReason } from './types.ts'
import type { World } from './world.ts'

/**
 * Durations, never times of day; `sent` is compared with the same clock when it arrives: a frozen tab hears late.
 * `wait`: nobody asks the server before.
 */
export type Message =
  | { t: 'ask' }
  | { t: 'token'; told: Told; age: number; sent: number }
  | { t: 'wait'; ms: number }
  | { t: 'out'; sid: string; reason: EndReason }

export interface Channel<M = Message> {
  say(message: M): void
  open(): void
  close(): void
}

const version = 2

export function channelOf<M = Message>(
  open: World['channel'],
  name: string,
  hear: (message: M) => void,
): Channel<M> {
  let line: ReturnType<NonNullable<World['channel']>> | undefined
  return {
    say: message => line?.postMessage({ v: version, ...message }),
    open: () => {
      try {
        line ??= open?.(name)
        if (line) line.onmessage = ({ data }) => data?.v === version && hear(data)
      } catch {
        // Not allowed here (a sandboxed frame): every tab renews for itself.
      }
    },
    // An open channel keeps a page out of the back-forward cache.
    close: () => {
      line?.close()
      line = undefined
    },
  }
}
