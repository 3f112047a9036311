/** What tabs of one origin say to each other, in memory only. Everything heard is checked before it is believed. */

import type { Kept } from './header.ts'
import type { Told } from './token.ts'
import type { EndReason } from './types.ts'
import { quietly, type World } from './world.ts'

/**
 * `born`: when the life of the token began, by the device's time of day, which is only compared with itself: a frozen
 * tab hears late. `wait`: nobody asks the server before.
 */
export type Message =
  | { t: 'ask' }
  | { t: 'token'; told: Told; born: number }
  | { t: 'wait'; ms: number }
  | { t: 'out'; sid: string; reason: EndReason }
  | HeaderMessage

/** In header mode; `kept` answers `who`. */
export interface HeaderMessage {
  t: 'kept' | 'left' | 'who'
  kept?: Kept | undefined
  root?: string
}

export interface Channel {
  say(message: Message): void
  open(): void
  close(): void
}

const version = 3

export function channelOf(open: World['channel'], name: string, hear: (message: Message) => void): Channel {
  let line: ReturnType<NonNullable<World['channel']>> | undefined
  return {
    say: message => line?.postMessage({ v: version, ...message }),
    open: () => {
      line ??= quietly(() => open?.(name))
      if (line) line.onmessage = ({ data }) => data?.v === version && quietly(() => hear(data))
    },
    // An open channel keeps a page out of the back-forward cache.
    close: () => {
      line?.close()
      line = undefined
    },
  }
}
