/** What the parts of a session share: the state, the one way in which it changes, and who wants to know. */

import { type Channel, channelOf } from './channel.ts'
import { SessionError } from './errors.ts'
import { tell } from './listeners.ts'
import { locked } from './lock.ts'
import type { State } from './machine.ts'
import * as machine from './machine.ts'
import { hear } from './outside.ts'
import { tellEnd, tellToken } from './peers.ts'
import { refresh } from './refresh.ts'
import { post } from './request.ts'
import { type Ask, cookieTransport, type Line, type Opening } from './transport.ts'
import type { Identity, SessionEvent, SessionOptions, Snapshot } from './types.ts'
import { show } from './view.ts'
import { browserWorld, type World } from './world.ts'

/** Takes a step of the machine, with what it asks for besides the state. */
type Step = <A extends unknown[]>(step: (state: State, ...args: A) => State, ...args: A) => void

export interface Tab {
  readonly world: World
  line: Line
  readonly peers: Channel
  readonly ask: Ask
  /** The name in storage, and of the lock. */
  readonly label: string
  /** Of a token's life, after which it is due. */
  readonly share: number
  readonly flightMs: number
  /** How long a token that is handed out is valid. */
  readonly least: number
  isSharing: boolean
  state: State
  shown: Snapshot
  /** The page is away, or the session not started: nothing is planned. */
  isGone: boolean
  isClosed: boolean
  /** Who keeps the token fresh though nobody looks. */
  holds: number
  readonly onSnapshot: Set<() => void>
  readonly onToken: Set<(token: string | null) => void>
  readonly onIdentity: Set<(next: Identity | null, before: Identity | null) => void>
  /** The one way in which the state changes: by a function of the machine. */
  become: Step
  /** The same, by what others told this tab, which is not told them again. */
  told: Step
  /** Timers are hints: they stop while the device sleeps, so the plan is asked again whenever the page is seen. */
  schedule(): void
  /** Waits for the first answer of `ready` that is not undefined; asked again after every change, and when it is late. */
  until<T>(ready: (isLate?: boolean) => T | undefined, ms?: number, signal?: AbortSignal): Promise<T>
  /** Who waits looks again. */
  wake(): void
  /** Runs what must be alone: in its turn in this tab, and alone among the tabs that share the session. */
  lock(run: () => Promise<unknown>): Promise<unknown>
  report(event: SessionEvent): void
  /** Throws once the session object is closed. */
  check(): void
  /** How long the token is valid. */
  remaining(): number
  /** The token, if it is valid. */
  peek(): string | null
  close(): void
}

export function tabOf(options: SessionOptions): Tab {
  const {
    world = browserWorld(),
    authUrl = '/auth',
    name = 'default',
    background = 'visible',
    refreshAt = 0.8,
    minValidityMs = 10_000,
    shareAccessToken = true,
    requestTimeoutMs = 8_000,
    lockWaitMs = 3_000,
    onEvent,
    initial,
    transport = cookieTransport,
  } = options
  const label = `countersign:${name}`
  const waiting: (() => void)[] = []
  let stopTimer = () => {}
  let queue: Promise<unknown> = Promise.resolve()

  const wake = () => {
    for (const look of waiting.splice(0)) look()
  }

  const schedule = () => {
    stopTimer()
    const isAwake =
      background === 'always' || (background === 'visible' && (world.isVisible() || tab.holds > 0))
    const ms = machine.plan(tab.state, isAwake) - world.now()
    if (tab.isGone || ms === Infinity) return
    if (ms > 0) stopTimer = world.timer(schedule, ms)
    else void refresh(tab)
  }

  const report = (event: SessionEvent) => onEvent && tell([onEvent], event)

  const change =
    (isTold: boolean): Step =>
    (step, ...args) => {
      const before = tab.state
      const next = step(before, ...args)
      if (next === before || tab.isClosed) return
      tab.state = next
      const { held, phase, reason, error, retryAt } = next
      const now = world.now()
      if (held !== before.held) {
        tell(tab.onToken, tab.peek())
        if (held) {
          const { depth, due } = held
          report({ type: isTold ? 'adopted' : 'refreshed', depth, dueInMs: due - now })
          if (!isTold) tellToken(tab)
        }
      }
      if (error && error !== before.error) {
        const ms = retryAt - now
        report({ type: 'failed', error, retryInMs: ms })
        if (error.retryAfterMs) tab.peers.say({ t: 'wait', ms })
      }
      const seen = show(next, initial, tab.shown)
      if (seen !== tab.shown) tell(tab.onSnapshot)
      tab.shown = seen
      const { claims } = seen
      // Between two users, while the second one's token is under way, it is still the first one's caches.
      if (phase !== 'pending' && claims?.sid !== identity?.sid) {
        tell(tab.onIdentity, claims, identity)
        identity = claims
      }
      if (phase === 'signedOut' && before.phase !== phase) {
        report({ type: 'ended', reason })
        if (!isTold) tellEnd(tab)
      }
      wake()
      schedule()
    }

  const tab: Tab = {
    world,
    label,
    share: refreshAt + world.random() / 10,
    flightMs: requestTimeoutMs,
    least: minValidityMs,
    state: machine.initial,
    shown: show(machine.initial, initial),
    isGone: true,
    isClosed: false,
    holds: 0,
    onSnapshot: new Set(),
    onToken: new Set(),
    onIdentity: new Set(),
    peers: channelOf(world.channel, label, message => hear(tab, message)),

    become: change(false),
    told: change(true),

    until: async (ready, ms = Infinity, signal) => {
      let isLate = false
      const stop = world.timer(() => {
        isLate = true
        wake()
      }, ms)
      // Always the same function: a signal that lasts hears it once.
      signal?.addEventListener('abort', wake)
      try {
        for (;;) {
          if (signal?.aborted) throw new SessionError('ABORTED')
          const found = ready(isLate)
          if (found !== undefined) return found
          if (isLate) throw new SessionError('TIMEOUT')
          await new Promise<void>(look => waiting.push(look))
        }
      } finally {
        stop()
      }
    },

    wake,
    schedule,
    report,
    ask: (path, asked) => post(tab, `${authUrl}/${path}`, asked),

    lock: run => {
      const done = queue.then(() => (tab.line.isShared ? locked(world, label, lockWaitMs, run) : run()))
      queue = done.catch(() => {})
      return done
    },

    check: () => {
      if (tab.isClosed) throw new SessionError('CLOSED', 'fix')
    },

    remaining: () => {
      const { held, need } = tab.state
      return held && need < 2 ? Math.max(0, held.ends - world.now()) : 0
    },

    peek: () => (tab.remaining() && tab.state.held ? tab.state.held.raw : null),

    close: () => {
      tab.isClosed = true
      tab.isGone = true
      tab.peers.close()
      tab.line.close?.()
      schedule()
      wake()
    },
  } as Partial<Tab> as Tab
  let identity: Identity | null = tab.shown.claims
  tab.line = (transport as Opening)(tab, options)
  tab.isSharing = shareAccessToken && !!tab.line.isShared
  return tab
}
