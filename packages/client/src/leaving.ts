/** The server's part of a sign-out, which may have to wait for a network, another page, another day. */

import { asError, type SessionError } from './errors.ts'
import { heldOf } from './token.ts'
import type { Line } from './transport.ts'
import type { World } from './world.ts'

export interface Leaving {
  /** The session whose end the server may not know yet. */
  pending(): string | null
  /** Sends a sign-out now. */
  leave(all: boolean, bearer: string | null): Promise<void>
  /** Sends one that could not be sent. */
  finish(): void
  /** Until what is under way has been answered. */
  done(): Promise<void> | undefined
  /** Storage carries signals, never tokens: `out <session>` until the server knows, `all <session>`, `in <session>`. */
  write(text: string | null): void
  hasWritten(): boolean
}

interface Parts {
  world: World
  line: Line
  key: string
  lock: (run: () => Promise<unknown>) => Promise<unknown>
  /** The number of the last sign-in or sign-out. */
  turn: () => number
  dead: () => string | null
  trouble: (error: SessionError) => void
}

export function leavingOf({ world, line, key, lock, turn, dead, trouble }: Parts): Leaving {
  let underWay: Promise<void> | undefined

  const read = () => quietly(() => world.storage?.getItem(key)?.split(' ')) ?? []
  const write = (text: string | null) =>
    void quietly(() => (text ? world.storage?.setItem(key, text) : world.storage?.removeItem(key)))

  /** A newer session in the place of one has ended it. */
  function pending(): string | null {
    const [kind, sid = null] = read()
    if (kind !== 'out' && kind !== 'all') return null
    const hint = line.hint()
    if (!hint || hint.sid === sid) return sid
    write(null)
    return null
  }

  function track(run: () => Promise<unknown>): Promise<void> {
    const done = run().then(() => {
      if (underWay === done) underWay = undefined
    })
    underWay = done
    return done
  }

  /** What fails is tried again when the page is seen, online or loaded again: storage remembers it. */
  async function send(all: boolean, bearer: string | null): Promise<void> {
    const at = turn()
    const sid = dead()
    try {
      // The sessions of a user end by an access token, and the one at hand may be too old.
      const renewed = () => line.renew(new AbortController().signal)
      const shown = all && !bearer ? heldOf(await renewed(), 0, 1).raw : bearer
      await line.end(all, shown)
    } catch (thrown) {
      const error = asError(thrown)
      if (all && bearer && error.action === 'refresh') return send(all, null)
      // `login`: there is nothing left to end.
      if (error.action !== 'login') return trouble(error)
    }
    // A sign-in that began meanwhile has written its own.
    if (at !== turn()) return
    if (sid) line.forget(sid)
    write(null)
  }

  return {
    pending,
    write,
    hasWritten: () => read().length > 0,
    done: () => underWay,
    leave: (all, bearer) =>
      track(() => {
        const sent = send(all, bearer)
        // Sent at once, whoever has the lock; held meanwhile, so that no sign-in overtakes it.
        void lock(() => sent)
        return sent
      }),
    finish: () => {
      if (underWay || !pending()) return
      // Under the lock, and only if it is still wanted there: another tab may be signing in.
      void track(() =>
        lock(async () => {
          if (pending()) await send(read()[0] === 'all', null)
        }),
      )
    },
  }
}

function quietly<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    // Storage may be blocked, or full.
    return undefined
  }
}
