/** One tab's session: hands events to `reduce`, and does what the new state asks for. */

import { type Channel, heardToken, type Message, openChannel, toldToken } from './channel.ts'
import { SessionError } from './errors.ts'
import { locked } from './lock.ts'
import { type Event, initial, plan, reduce, type State } from './machine.ts'
import { heldOf } from './token.ts'
import { cookieTransport, sender } from './transport.ts'
import type { Claims, Identity, Session, SessionOptions, Snapshot } from './types.ts'
import { show } from './view.ts'
import { browserWorld } from './world.ts'

/** How long a new tab waits for the token of another before it refreshes; and one that had to queue for the lock. */
const [newTab, queued] = [60, 250]

export function createSession<C extends Claims = Claims>(options: SessionOptions = {}): Session<C> {
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
  } = options
  const key = `countersign:${name}`
  const share = refreshAt + world.random() / 10
  const send = sender(world, authUrl, requestTimeoutMs)
  const host = new URL(authUrl, world.origin || 'http://server').hostname
  const line = (options.transport ?? cookieTransport)({
    world,
    send,
    name: key,
    host,
    cookieDomain: options.cookieDomain,
  })

  let state: State = initial
  const first = show(initial, options.initial, null)
  let snapshot = first
  let identity: Identity | null = first.claims && { sid: first.claims.sid, sub: first.claims.sub }
  let stopTimer: (() => void) | undefined
  let running = new AbortController()
  let entries = 0
  let holds = 0
  let isGone = false
  let leaving: Promise<void> | undefined
  const unhear: (() => void)[] = []

  /* ---- listeners: told after everything is settled, so that they may call anything ---- */

  const onSnapshot = new Set<() => void>()
  const onToken = new Set<(token: string | null) => void>()
  const onIdentity = new Set<(next: Identity | null, before: Identity | null) => void>()
  const waiting = new Set<() => void>()

  const listen = <L>(listeners: Set<L>, listener: L) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  const tell = <A extends unknown[]>(listeners: Iterable<(...args: A) => void>, ...args: A) =>
    queueMicrotask(() => {
      for (const listener of [...listeners])
        try {
          listener(...args)
        } catch (error) {
          // Theirs, not ours: shown as any uncaught error is.
          queueMicrotask(() => {
            throw error
          })
        }
    })

  /* ---- the one way in which anything changes ---- */

  function dispatch(event: Event): void {
    const before = state
    state = reduce(before, event)
    if (state === before) return
    if (state.epoch !== before.epoch) running.abort()
    if (state.held !== before.held && (state.held || before.held)) tell(onToken, peek())
    const next = show(state, options.initial, snapshot)
    if (next !== snapshot) {
      snapshot = next
      tell(onSnapshot)
    }
    // Between two users, while the second one's token is under way, it is still the first one's caches.
    if (state.phase === 'in' || state.phase === 'out') {
      const { claims } = snapshot
      const [now, was] = [claims && { sid: claims.sid, sub: claims.sub }, identity]
      if (now?.sid !== was?.sid || now?.sub !== was?.sub) {
        identity = now
        tell(onIdentity, now, was)
      }
    }
    if (state.phase === 'out' && before.phase !== 'out') onEvent?.({ type: 'ended', reason: state.reason })
    tell(waiting)
    schedule()
  }

  const isAwake = () => background !== 'demand' && (background === 'always' || world.isVisible() || holds > 0)

  /** Timers are hints: they stop while the device sleeps, so the plan is asked again whenever the page is seen. */
  function schedule(): void {
    stopTimer?.()
    stopTimer = undefined
    const at = plan(state, isAwake())
    if (isGone || at === Infinity) return
    const ms = at - world.now()
    if (ms > 0) stopTimer = world.timer(schedule, ms)
    else void refresh()
  }

  /* ---- the token ---- */

  const left = () => (state.held && !state.isRefused ? Math.max(0, state.held.end - world.now()) : 0)
  const peek = () => (left() ? (state.held?.raw ?? null) : null)

  /** Waits for the first answer of `ready` that is not undefined; looks after each event. */
  function until<T>(ready: () => T | undefined, ms = Infinity, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (finish: () => void) => {
        waiting.delete(look)
        stop?.()
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
      const late = () => end(() => reject(state.error ?? SessionError.of('TIMEOUT')))
      const stop = ms < Infinity ? world.timer(late, ms) : undefined
      signal?.addEventListener('abort', abort)
      waiting.add(look)
      if (signal?.aborted) abort()
      else look()
    })
  }

  async function getAccessToken(
    wanted: Parameters<Session['getAccessToken']>[0] = {},
  ): Promise<string | null> {
    begin()
    if (wanted.rejected) dispatch({ type: 'rejected', raw: wanted.rejected, now: world.now() })
    const giveUp = world.now() + requestTimeoutMs * 2
    const ready = () => {
      throwIfClosed()
      if (state.phase === 'out') return null
      const { held, error, retryAt, notBefore } = state
      if (held && left() > Math.min(Math.max(minValidityMs, wanted.minValidityMs ?? 0), held.life / 5)) {
        if (world.now() >= held.due) dispatch({ type: 'wanted', force: false })
        return held.raw
      }
      if (!state.isForced) dispatch({ type: 'wanted', force: true })
      if (!error) return undefined
      // A failure is nobody's matter while the token is good.
      if (peek()) return peek()
      if (Math.max(retryAt, notBefore) > giveUp || error.action === 'fix') throw error
      return undefined
    }
    return until(ready, requestTimeoutMs * 2, wanted.signal)
  }

  /** Waits for a token from another tab, for a moment. */
  const fromPeers = async (ms: number) => {
    const { held } = state
    channel.say({ t: 'ask' })
    await until(() => state.held !== held || undefined, ms, running.signal).catch(() => {})
  }

  /** One refresh. Its answer counts only in the epoch that asked, and only if nothing newer came first. */
  async function refresh(): Promise<void> {
    dispatch({ type: 'refreshing' })
    const { epoch, held, sid } = state
    running = new AbortController()
    const { signal } = running
    const isDone = () => signal.aborted || state.held !== held
    try {
      if (!held && shareAccessToken && line.isShared) await fromPeers(newTab)
      if (!isDone())
        await locked(world, line.isShared && key, lockWaitMs, async wasQueued => {
          const hint = line.hint()
          const isBehind = wasQueued || (hint && held && hint.depth > held.depth)
          if (isBehind && !isDone()) await fromPeers(queued)
          if (isDone() || state.notBefore > world.now()) return false
          const asked = world.now()
          const answer = await line.renew(signal)
          // Called off too late to keep its cookies away: they are of a session that ended here.
          if (state.epoch !== epoch) {
            if (sid && sid === state.dead && !stored().length) store(`out ${sid}`)
            finishLeaving()
            return false
          }
          arrive(answer, asked, { epoch })
          return true
        })
      dispatch({ type: 'settled', epoch })
    } catch (error) {
      fail(error, epoch)
    }
  }

  function fail(thrown: unknown, epoch: number): void {
    if (epoch !== state.epoch) return
    const error = asError(thrown)
    const hint = line.hint()
    const { sid, held } = state
    const now = world.now()
    if (error.code === 'ABORTED') dispatch({ type: 'settled', epoch })
    // Another tab signed in meanwhile: that refusal was for the session before.
    else if (error.action === 'login' && hint && sid && hint.sid !== sid)
      dispatch({ type: 'looked', sid: hint.sid })
    else dispatch({ type: 'failed', epoch, error, now, random: world.random() })
    if (state.phase === 'out') {
      if (error.code === 'NO_SESSION' && held && hint === undefined)
        onEvent?.({ type: 'trouble', error: SessionError.of('COOKIES_BLOCKED') })
      if (sid) publish(sid)
    } else if (state.error === error) {
      onEvent?.({ type: 'failed', error, retryInMs: Math.max(state.retryAt, state.notBefore) - now })
      if (error.retryAfterMs) channel.say({ t: 'wait', ms: state.notBefore - now })
    }
  }

  /** Takes an answer with a token, and hands the token on. */
  function arrive(answer: unknown, asked: number, from: { epoch: number } | { entry: number }): void {
    const held = heldOf(answer, asked, share)
    line.opened(answer)
    dispatch({ type: 'token', held, from, now: world.now() })
    if (state.held !== held) return
    onEvent?.({ type: 'refreshed', depth: held.depth })
    if (shareAccessToken && line.isShared) channel.say(toldToken(held, world))
  }

  /* ---- other tabs ---- */

  function hear(message: Message): void {
    if (message.t === 'ask') {
      if (shareAccessToken && line.isShared && peek() && state.held) channel.say(toldToken(state.held, world))
    } else if (message.t === 'token') {
      const held = heardToken(message, world, world.now(), share)
      const hint = line.hint()
      if (!held || (hint !== undefined && hint?.sid !== held.sid)) return
      dispatch({ type: 'token', held, from: 'peer', now: world.now() })
      if (state.held === held) onEvent?.({ type: 'adopted', depth: held.depth })
    } else if (message.t === 'wait' && message.ms > 0 && message.ms < 400_000) {
      dispatch({ type: 'wait', notBefore: world.now() + message.ms })
    } else if (message.t === 'out') end(message.sid, message.reason)
  }

  /** What other tabs call a session of this tab. */
  const named = (sid: string) => line.family?.(sid) ?? sid

  /** Another tab knows that a session ended. */
  function end(name: string, reason: Snapshot['reason']): void {
    const { sid } = state
    if (sid && named(sid) !== name) return
    dispatch({ type: 'ended', sid: sid ?? name, reason: reason === 'user' ? 'other-tab' : reason })
    // A session of this tab alone is not ended by the other one's request.
    if (line.isShared || state.phase !== 'out' || !sid) return
    line.forget(sid)
    void leave(() => endAtServer(false, null))
  }

  const channel: Channel = openChannel(world, key, hear)

  /** Storage carries signals, never tokens: `out <session>` until the server knows it, `all <session>`, `in <session>`. */
  const stored = () => quietly(() => world.storage?.getItem(key)?.split(' ')) ?? []
  const store = (text: string | null) =>
    quietly(() => (text ? world.storage?.setItem(key, text) : world.storage?.removeItem(key)))

  /** A session ended: every tab knows, and no reload asks for it again. */
  function publish(sid: string): void {
    // Where each tab has its own, one that ended by itself is not the others'.
    if (line.isShared || state.reason === 'user')
      channel.say({ t: 'out', sid: named(sid), reason: state.reason })
    line.forget(sid)
  }

  /** Looks at everything that may have changed while nobody looked. */
  function look(): void {
    if (state.phase === 'idle') return
    const hint = line.hint()
    // Cookies of an answer that came after the end.
    if (hint && hint.sid === state.dead) line.forget(hint.sid)
    else if (hint !== undefined) dispatch({ type: 'looked', sid: hint?.sid ?? null })
    finishLeaving()
    tell(waiting)
    schedule()
  }

  /* ---- in and out ---- */

  function begin(): void {
    throwIfClosed()
    if (state.phase !== 'idle') return
    channel.open()
    unhear.push(
      world.onStorage((written, value) => {
        if (written !== key || !value) return
        const [kind, sid = ''] = value.split(' ')
        if (kind === 'in') look()
        else end(sid, 'user')
      }),
      world.onPage(event => {
        if (event === 'gone') {
          isGone = true
          channel.close()
          running.abort()
        } else if (event === 'online') {
          dispatch({ type: 'online', retryAt: world.now() + world.random() * 500 })
          finishLeaving()
        } else if (event === 'hidden') {
          // Also comes after `gone`, and must not open anything again.
          schedule()
        } else if (event === 'shown') {
          isGone = false
          channel.open()
          look()
        }
      }),
    )
    const dead = pendingOut()
    const hint = line.hint()
    const sid = hint ? hint.sid : dead ? null : hint
    dispatch({ type: 'start', sid: sid === dead ? null : sid, dead })
    finishLeaving()
  }

  /** The session whose end the server may not know yet. A newer one in its place has ended it. */
  function pendingOut(): string | null {
    const [kind, sid = null] = stored()
    if (kind !== 'out' && kind !== 'all') return null
    const hint = line.hint()
    if (!hint || hint.sid === sid) return sid
    store(null)
    return null
  }

  /** The server's part of a sign-out that another page, or this one, could not do. */
  function finishLeaving(): void {
    if (leaving || state.entry || !pendingOut()) return
    // Under the lock, and only if it is still wanted there: another tab may be signing in.
    leave(() =>
      locked(world, line.isShared && key, lockWaitMs, async () => {
        if (pendingOut()) await endAtServer(stored()[0] === 'all', null)
      }),
    )
  }

  function leave(run: () => Promise<unknown>): Promise<void> {
    const done = run().then(() => {
      if (leaving === done) leaving = undefined
    })
    leaving = done
    return done
  }

  /** What fails is tried again when the page is seen, online or loaded again: storage remembers it. */
  async function endAtServer(all: boolean, bearer: string | null): Promise<void> {
    const at = entries
    const { dead } = state
    try {
      // The sessions of a user end by an access token, and the one at hand may be too old.
      const renewed = () => line.renew(new AbortController().signal)
      const shown = all && !bearer ? heldOf(await renewed(), 0, share).raw : bearer
      await line.end(all, shown)
    } catch (thrown) {
      const error = asError(thrown)
      if (all && bearer && error.action === 'refresh') return endAtServer(all, null)
      // `login`: there is nothing left to end.
      if (error.action !== 'login') return onEvent?.({ type: 'trouble', error })
    }
    // A sign-in that began meanwhile has written its own.
    if (at !== entries) return
    if (dead) line.forget(dead)
    store(null)
  }

  async function signIn(
    credentials: object,
    { path = 'login', signal }: { path?: string; signal?: AbortSignal } = {},
  ): Promise<Snapshot<C>> {
    begin()
    if (!world.isSecure) throw SessionError.of('INSECURE_CONTEXT')
    const entry = ++entries
    dispatch({ type: 'entering', entry })
    try {
      await leaving
      await locked(world, line.isShared && key, lockWaitMs, async () => {
        const asked = world.now()
        const body = { ...credentials, ...(line.mode && { mode: line.mode }) }
        const answer = await send(path, { body, signal })
        if (state.entry !== entry) throw SessionError.of('ABORTED')
        arrive(answer, asked, { entry })
        store(`in ${state.sid}`)
      })
    } finally {
      dispatch({ type: 'entered', entry })
    }
    return snapshot as Snapshot<C>
  }

  function signOut({ scope = 'this' }: { scope?: 'all' | 'others' | 'this' } = {}): Promise<void> {
    begin()
    if (scope === 'others')
      return getAccessToken().then(async bearer => {
        if (!bearer) throw SessionError.of('SIGNED_OUT')
        await send('logout/all?others=true', { bearer })
      })
    const bearer = peek()
    const all = scope === 'all'
    const hadSession = state.phase !== 'out' || state.entry > 0
    dispatch({ type: 'signOut' })
    entries++
    if (!hadSession) return leaving ?? Promise.resolve()
    const { dead } = state
    if (dead) {
      store(`${all ? 'all' : 'out'} ${named(dead)}`)
      publish(dead)
    }
    return leave(() => {
      const sent = endAtServer(all, bearer)
      // Sent at once, whoever has the lock; held meanwhile, so that no sign-in overtakes it.
      void locked(world, line.isShared && key, lockWaitMs, () => sent)
      return sent
    })
  }

  function throwIfClosed(): void {
    if (state.phase === 'closed') throw SessionError.of('CLOSED')
  }

  return {
    start: async () => {
      begin()
      return until(() => {
        throwIfClosed()
        return state.phase === 'checking' ? undefined : (snapshot as Snapshot<C>)
      })
    },
    getSnapshot: () => snapshot as Snapshot<C>,
    getServerSnapshot: () => first as Snapshot<C>,
    subscribe: listener => listen(onSnapshot, listener),
    onToken: listener => listen(onToken, listener),
    onIdentity: listener => listen(onIdentity, listener),
    getAccessToken,
    peekAccessToken: peek,
    remainingMs: left,
    refresh: async () => {
      await getAccessToken()
      const { held, fails } = state
      dispatch({ type: 'wanted', force: true })
      await until(() => {
        throwIfClosed()
        if (state.fails > fails && state.error) throw state.error
        return (state.held !== held && state.phase !== 'checking') || undefined
      }, requestTimeoutMs * 2)
      return snapshot as Snapshot<C>
    },
    signIn,
    adopt: answer => {
      begin()
      dispatch({ type: 'entering', entry: ++entries })
      try {
        arrive(answer, world.now(), { entry: entries })
        store(`in ${state.sid}`)
      } finally {
        dispatch({ type: 'entered', entry: entries })
      }
      return snapshot as Snapshot<C>
    },
    signOut,
    hold: () => {
      let isHeld = true
      holds++
      schedule()
      return () => {
        if (isHeld) holds--
        isHeld = false
      }
    },
    close: () => {
      channel.close()
      for (const stop of unhear) stop()
      dispatch({ type: 'close' })
    },
  }
}

const asError = (thrown: unknown): SessionError =>
  thrown instanceof SessionError ? thrown : SessionError.of('ANSWER_INVALID')

function quietly<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    // Storage may be blocked, or full.
    return undefined
  }
}
