/** What the parts of a session share: the state, the one way in which it changes, and who wants to know. */

import { type Channel, channelOf } from './channel.ts'
import { SessionError } from './errors.ts'
import { tell } from './listeners.ts'
import { locked } from './lock.ts'
import type { State } from './machine.ts'
import * as machine from './machine.ts'
import { hear, leaveToo } from './outside.ts'
import { refresh } from './refresh.ts'
import { post } from './request.ts'
import { cookieTransport, type Line, type Send } from './transport.ts'
import type { Identity, SessionEvent, SessionOptions, Snapshot } from './types.ts'
import { show } from './view.ts'
import { browserWorld, type World } from './world.ts'

export interface Tab {
  readonly world: World
  readonly line: Line
  readonly channel: Channel
  readonly send: Send
  /** The name in storage, and of the lock. */
  readonly key: string
  /** Of a token's life, after which it is due. */
  readonly share: number
  readonly flightMs: number
  readonly isSharing: boolean
  state: State
  shown: Snapshot
  /** Of the refresh that the epoch has under way. */
  running: AbortController
  /** Of the sign-in under way, and when it is over. */
  stopEntry: AbortController
  afterEntry: Promise<unknown> | undefined
  /** The server's part of a sign-out, under way. */
  leaving: Promise<unknown> | undefined
  /** The page is away: nothing is planned. */
  isGone: boolean
  isClosed: boolean
  /** Who keeps the token fresh though nobody looks. */
  holds: number
  readonly onSnapshot: Set<() => void>
  readonly onToken: Set<(token: string | null) => void>
  readonly onIdentity: Set<(next: Identity | null, before: Identity | null) => void>
  become(next: State): void
  /** Timers are hints: they stop while the device sleeps, so the plan is asked again whenever the page is seen. */
  schedule(): void
  /** Waits for the first answer of `ready` that is not undefined; asked again after every change. */
  until<T>(ready: () => T | undefined, ms?: number, signal?: AbortSignal): Promise<T>
  lock(run: () => Promise<unknown>): Promise<unknown>
  report(event: SessionEvent): void
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
    shareAccessToken = true,
    requestTimeoutMs = 8_000,
    lockWaitMs = 3_000,
    onEvent,
    initial,
    cookieDomain,
    transport = cookieTransport,
  } = options
  const key = `countersign:${name}`
  const send: Send = (path, asked) => post(world, `${authUrl}/${path}`, requestTimeoutMs, asked)
  const line = transport({ world, send, name: key, authUrl, cookieDomain, leave: () => leaveToo(tab) })
  const channel = channelOf(line.isShared ? world.channel : undefined, key, message => hear(tab, message))
  const first = show(machine.initial, initial)
  let identity: Identity | null = first.claims
  const waiting: (() => void)[] = []
  let stopTimer: (() => void) | undefined

  /** Who waits looks again. */
  const wake = () => {
    for (const look of waiting.splice(0)) look()
  }

  function become(next: State): void {
    const before = tab.state
    if (next === before || tab.isClosed) return
    tab.state = next
    if (next.epoch !== before.epoch) tab.running.abort()
    if (next.held !== before.held) tell(tab.onToken, tab.peek())
    const seen = show(next, initial, tab.shown)
    if (seen !== tab.shown) tell(tab.onSnapshot)
    tab.shown = seen
    const { claims } = seen
    // Between two users, while the second one's token is under way, it is still the first one's caches.
    if (next.phase !== 'pending' && (claims?.sid !== identity?.sid || claims?.sub !== identity?.sub)) {
      tell(tab.onIdentity, claims, identity)
      identity = claims
    }
    if (next.phase === 'signedOut' && before.phase !== next.phase)
      tab.report({ type: 'ended', reason: next.reason })
    wake()
    schedule()
  }

  function schedule(): void {
    stopTimer?.()
    stopTimer = undefined
    const isAwake =
      background === 'always' || (background === 'visible' && (world.isVisible() || tab.holds > 0))
    const ms = machine.plan(tab.state, isAwake) - world.now()
    if (tab.isGone || ms === Infinity) return
    if (ms > 0) stopTimer = world.timer(schedule, ms)
    else void refresh(tab)
  }

  async function until<T>(ready: () => T | undefined, ms?: number, signal?: AbortSignal): Promise<T> {
    let isLate = false
    const late = () => {
      isLate = true
      wake()
    }
    const clear = ms && world.timer(late, ms)
    // Always the same function: a signal that lasts hears it once.
    signal?.addEventListener('abort', wake)
    try {
      for (;;) {
        if (tab.isClosed) throw SessionError.of('CLOSED')
        if (signal?.aborted) throw SessionError.of('ABORTED')
        const found = ready()
        if (found !== undefined) return found
        if (isLate) throw tab.state.error ?? SessionError.of('TIMEOUT')
        await new Promise<void>(look => waiting.push(look))
      }
    } finally {
      if (clear) clear()
    }
  }

  const tab: Tab = {
    world,
    line,
    channel,
    send,
    key,
    share: refreshAt + world.random() / 10,
    flightMs: requestTimeoutMs,
    isSharing: shareAccessToken && line.isShared,
    state: machine.initial,
    shown: first,
    running: new AbortController(),
    stopEntry: new AbortController(),
    afterEntry: undefined,
    leaving: undefined,
    isGone: false,
    isClosed: false,
    holds: 0,
    onSnapshot: new Set(),
    onToken: new Set(),
    onIdentity: new Set(),
    become,
    schedule,
    until,
    lock: run => (line.isShared ? locked(world, key, lockWaitMs, run) : run()),
    report: event => onEvent && tell([onEvent], event),
    remaining: () => {
      const { held, need } = tab.state
      return held && need < 3 ? Math.max(0, held.end - world.now()) : 0
    },
    peek: () => (tab.remaining() && tab.state.held ? tab.state.held.raw : null),
    close: () => {
      tab.isClosed = true
      tab.isGone = true
      channel.close()
      line.close?.()
      tab.running.abort()
      tab.stopEntry.abort()
      schedule()
      wake()
    },
  }
  return tab
}
