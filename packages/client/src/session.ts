/** One tab's session: lets `machine.ts` decide, and does what the new state asks for. */

import { type Channel, heardToken, type Message, openChannel, toldToken } from './channel.ts'
import { asError, SessionError } from './errors.ts'
import { leavingOf } from './leaving.ts'
import { listen, tell } from './listeners.ts'
import { locked } from './lock.ts'
import * as machine from './machine.ts'
import { initial, type State } from './machine.ts'
import { heldOf } from './token.ts'
import { cookieTransport, sender } from './transport.ts'
import type { Claims, Identity, Session, SessionEvent, SessionOptions, Snapshot } from './types.ts'
import { show } from './view.ts'
import { until } from './waiting.ts'
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

  const lock = (run: (wasQueued: boolean) => Promise<unknown>) =>
    locked(world, line.isShared && key, lockWaitMs, run)

  let state: State = initial
  const first = show(initial, options.initial, null)
  let snapshot = first
  let identity: Identity | null = first.claims
  let stopTimer: (() => void) | undefined
  let running = new AbortController()
  /** Counts sign-ins and sign-outs. */
  let turns = 0
  let entering = new AbortController()
  let holds = 0
  let isGone = false
  const unhear: (() => void)[] = []

  /* ---- listeners: told after everything is settled, so that they may call anything ---- */

  const onSnapshot = new Set<() => void>()
  const onToken = new Set<(token: string | null) => void>()
  const onIdentity = new Set<(next: Identity | null, before: Identity | null) => void>()
  const waiting = new Set<() => void>()

  const report = (event: SessionEvent) => onEvent && tell([onEvent], event)

  /* ---- the one way in which anything changes ---- */

  function become(next: State): void {
    const before = state
    if (next === before) return
    state = next
    if (state.epoch !== before.epoch) running.abort()
    if (state.held !== before.held) tell(onToken, peek())
    const shown = show(state, options.initial, snapshot)
    if (shown !== snapshot) {
      snapshot = shown
      tell(onSnapshot)
    }
    // Between two users, while the second one's token is under way, it is still the first one's caches.
    if (state.phase === 'in' || state.phase === 'out') {
      const [now, was] = [snapshot.claims, identity]
      if (now?.sid !== was?.sid || now?.sub !== was?.sub) {
        identity = now
        tell(onIdentity, now, was)
      }
    }
    if (state.phase === 'out' && before.phase !== 'out') report({ type: 'ended', reason: state.reason })
    tell(waiting)
    schedule()
  }

  const isAwake = () => background !== 'demand' && (background === 'always' || world.isVisible() || holds > 0)

  /** Timers are hints: they stop while the device sleeps, so the plan is asked again whenever the page is seen. */
  function schedule(): void {
    stopTimer?.()
    stopTimer = undefined
    const at = machine.plan(state, isAwake())
    if (isGone || at === Infinity) return
    const ms = at - world.now()
    if (ms > 0) stopTimer = world.timer(schedule, ms)
    else void refresh()
  }

  /* ---- the token ---- */

  const left = () => (state.held && state.need < 3 ? Math.max(0, state.held.end - world.now()) : 0)
  const peek = () => (left() ? (state.held?.raw ?? null) : null)

  async function getAccessToken(
    wanted: Parameters<Session['getAccessToken']>[0] = {},
  ): Promise<string | null> {
    begin()
    if (wanted.rejected) become(machine.rejected(state, wanted.rejected, world.now()))
    const giveUp = world.now() + requestTimeoutMs * 2
    const ready = () => {
      throwIfClosed()
      if (state.phase === 'out') return null
      const { held, error, retryAt, notBefore } = state
      if (held && left() > Math.min(Math.max(minValidityMs, wanted.minValidityMs ?? 0), held.life / 5)) {
        if (world.now() >= held.due) become(machine.wanted(state, 1))
        return held.raw
      }
      become(machine.wanted(state, 2))
      if (!error) return undefined
      // A failure is nobody's matter while the token is good.
      if (peek()) return peek()
      if (Math.max(retryAt, notBefore) > giveUp || error.action === 'fix') throw error
      return undefined
    }
    return until(waiting, world, ready, {
      ms: requestTimeoutMs * 2,
      signal: wanted.signal,
      error: () => state.error,
    })
  }

  /** Waits for a token from another tab, for a moment. */
  const fromPeers = async (ms: number) => {
    const { held } = state
    channel.say({ t: 'ask' })
    const isNew = () => state.held !== held || undefined
    await until(waiting, world, isNew, { ms, signal: running.signal }).catch(() => {})
  }

  /** One refresh. Its answer counts only in the epoch that asked, and only if nothing newer came first. */
  async function refresh(): Promise<void> {
    become(machine.refreshing(state))
    const { epoch, held, sid } = state
    running = new AbortController()
    const { signal } = running
    const isDone = () => signal.aborted || state.held !== held
    try {
      if (!held && shareAccessToken && line.isShared) await fromPeers(newTab)
      if (!isDone())
        await lock(async wasQueued => {
          const hint = line.hint()
          const isBehind = wasQueued || (hint && held && hint.depth > held.depth)
          if (isBehind && !isDone()) await fromPeers(queued)
          if (isDone() || state.notBefore > world.now()) return false
          const asked = world.now()
          const answer = await line.renew(signal)
          // Called off too late to keep its cookies away: they are of a session that ended here.
          if (state.epoch !== epoch) {
            if (sid && sid === state.dead && !leaving.hasWritten()) leaving.write(`out ${sid}`)
            finishLeaving()
            return false
          }
          arrive(answer, asked, epoch, null)
          return true
        })
      become(machine.settled(state, epoch))
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
    if (error.code === 'ABORTED') become(machine.settled(state, epoch))
    // Another tab signed in meanwhile: that refusal was for the session before.
    else if (error.action === 'login' && hint && sid && hint.sid !== sid)
      become(machine.looked(state, hint.sid))
    else become(machine.failed(state, epoch, error, now, world.random()))
    if (state.phase === 'out') {
      if (error.code === 'NO_SESSION' && held && hint === undefined)
        report({ type: 'trouble', error: SessionError.of('COOKIES_BLOCKED') })
      if (sid) publish(sid)
    } else if (state.error === error) {
      report({ type: 'failed', error, retryInMs: Math.max(state.retryAt, state.notBefore) - now })
      if (error.retryAfterMs) channel.say({ t: 'wait', ms: state.notBefore - now })
    }
  }

  /** Takes an answer with a token, and hands the token on. */
  function arrive(answer: unknown, asked: number, epoch: number | null, entry: number | null): void {
    const held = heldOf(answer, asked, share)
    line.opened(answer)
    become(machine.adopt(state, held, world.now(), epoch, entry))
    if (state.held !== held) return
    report({ type: 'refreshed', depth: held.depth })
    if (shareAccessToken && line.isShared) channel.say(toldToken(held, world))
  }

  /* ---- other tabs ---- */

  function hear(message: Message): void {
    if (message.t === 'ask') {
      if (shareAccessToken && line.isShared && peek() && state.held) channel.say(toldToken(state.held, world))
    } else if (message.t === 'token' && line.isShared) {
      const held = heardToken(message, world, world.now(), share)
      const hint = line.hint()
      if (!held || (hint !== undefined && hint?.sid !== held.sid)) return
      become(machine.adopt(state, held, world.now(), null, null))
      if (state.held === held) report({ type: 'adopted', depth: held.depth })
    } else if (message.t === 'wait' && message.ms > 0 && message.ms < 400_000) {
      become(machine.waits(state, world.now() + message.ms))
    } else if (message.t === 'out') end(message.sid, message.reason)
  }

  /** What other tabs call a session of this tab. */
  const named = (sid: string) => line.root?.(sid) ?? sid

  /** Another tab knows that a session ended. */
  function end(name: string, reason: Snapshot['reason']): void {
    const { sid } = state
    if (sid && named(sid) !== name) return
    become(machine.ended(state, sid ?? name, reason === 'user' ? 'other-tab' : reason))
    // A session of this tab alone is not ended by the other one's request.
    if (line.isShared || state.phase !== 'out' || !sid) return
    line.forget(sid)
    void leaving.leave(false, null)
  }

  const channel: Channel = openChannel(world, key, hear)

  const leaving = leavingOf({
    world,
    line,
    key,
    lock,
    turn: () => turns,
    dead: () => state.dead,
    trouble: error => report({ type: 'trouble', error }),
  })

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
    else if (hint !== undefined) become(machine.looked(state, hint?.sid ?? null))
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
          become(machine.online(state, world.now() + world.random() * 500))
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
    const dead = leaving.pending()
    const hint = line.hint()
    const sid = hint ? hint.sid : dead ? null : hint
    become(machine.start(state, sid === dead ? null : sid, dead))
    finishLeaving()
  }

  function finishLeaving(): void {
    if (!state.entry) leaving.finish()
  }

  async function signIn(
    credentials: object,
    { path = 'login', signal }: { path?: string; signal?: AbortSignal } = {},
  ): Promise<Snapshot<C>> {
    begin()
    if (!world.isSecure) throw SessionError.of('INSECURE_CONTEXT')
    const entry = ++turns
    entering.abort()
    const stop = new AbortController()
    entering = stop
    const abort = () => stop.abort()
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
    become(machine.entering(state, entry))
    try {
      await leaving.done()
      await lock(async () => {
        const asked = world.now()
        const body = { ...credentials, ...(line.mode && { mode: line.mode }) }
        const answer = await send(path, { body, signal: stop.signal })
        if (state.entry === entry) {
          arrive(answer, asked, null, entry)
          leaving.write(`in ${state.sid}`)
          return true
        }
        throw SessionError.of('ABORTED')
      })
    } finally {
      signal?.removeEventListener('abort', abort)
      // Signed out meanwhile, too late to keep the cookies away: a session that nobody wants.
      const hint = turns > entry && !state.entry && line.hint()
      if (hint) {
        line.forget(hint.sid)
        void leaving.leave(false, null)
      }
      become(machine.entered(state, entry))
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
    const hadSession = state.phase !== 'out' || state.entry > 0
    turns++
    entering.abort()
    become(machine.signedOut(state))
    if (!hadSession) return leaving.done() ?? Promise.resolve()
    const { dead } = state
    if (dead) {
      leaving.write(`${scope === 'all' ? 'all' : 'out'} ${named(dead)}`)
      publish(dead)
    }
    return leaving.leave(scope === 'all', bearer)
  }

  function throwIfClosed(): void {
    if (state.phase === 'closed') throw SessionError.of('CLOSED')
  }

  return {
    start: async () => {
      begin()
      return until(waiting, world, () => {
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
      become(machine.wanted(state, 2))
      const isRenewed = () => {
        throwIfClosed()
        if (state.fails > fails && state.error) throw state.error
        return (state.held !== held && state.phase !== 'checking') || undefined
      }
      await until(waiting, world, isRenewed, { ms: requestTimeoutMs * 2, error: () => state.error })
      return snapshot as Snapshot<C>
    },
    signIn,
    adopt: answer => {
      begin()
      become(machine.entering(state, ++turns))
      try {
        arrive(answer, world.now(), null, turns)
        leaving.write(`in ${state.sid}`)
      } finally {
        become(machine.entered(state, turns))
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
      line.close?.()
      entering.abort()
      for (const stop of unhear) stop()
      become(machine.closed(state))
    },
  }
}
