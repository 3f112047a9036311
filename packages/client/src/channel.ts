/** What tabs of one origin say to each other, in memory only. Everything heard is checked before it is believed. */

import { type Held, hold } from './token.ts'
import type { EndReason } from './types.ts'
import type { World } from './world.ts'

/** Durations, never times of day; `sent` is compared with the same clock when it arrives: a frozen tab hears late. */
export type Message =
  | { t: 'ask' }
  | {
      t: 'token'
      raw: string
      sid: string
      depth: number
      issued: number
      life: number
      left: number
      sent: number
    }
  | { t: 'wait'; ms: number }
  | { t: 'out'; sid: string; reason: EndReason }

export interface Channel {
  say(message: Message): void
  open(): void
  close(): void
}

const version = 1

export function openChannel(world: World, name: string, hear: (message: Message) => void): Channel {
  let line: ReturnType<NonNullable<World['channel']>> | undefined
  return {
    say: message => line?.postMessage({ v: version, ...message }),
    open: () => {
      if (line) return
      try {
        line = world.channel?.(name)
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

/** The token of a message; null if it makes no sense. */
export function heardToken(
  message: Message & { t: 'token' },
  world: World,
  now: number,
  share: number,
): Held | null {
  const underWay = Math.max(0, world.wall() - message.sent)
  return hold({ ...message, left: Math.max(0, message.left - underWay) }, now, share)
}

export const toldToken = ({ raw, sid, depth, issued, life, end }: Held, world: World): Message => ({
  t: 'token',
  raw,
  sid,
  depth,
  issued,
  life,
  left: end - world.now(),
  sent: world.wall(),
})
