/**
 * The session of this page, as it draws it: the SDK's, with what the server answered beside it.
 *
 *   checking ──► signed-out ◄──► signed-in
 *
 * It dispatches `change` (the status, or who is signed in), `token` (a new access token), `trouble` (the server
 * stopped answering, or answers again), `wake` (the page is looked at again) and `request` (one request ended).
 */

import { authorizedFetch, browserWorld, createSession } from './sdk.js'
import { fault } from './words.js'

const TIMEOUT = 8_000

/** A request that the server refused, or never answered (then `status` is 0). */
export class Refusal extends Error {
  constructor(response, error) {
    super(fault({ ...error, status: response?.status }))
    this.code = error?.code
  }
}

/** The answer of a request that was begun before a sign-in or a sign-out: nobody may use it. */
export class Dropped extends Error {}

const ignore = () => {}
const statuses = { pending: 'checking', signedIn: 'signed-in', signedOut: 'signed-out' }
const places = { user: 'here', 'other-tab': 'tab' }

export class Session extends EventTarget {
  status = 'checking'
  /** The user, and the session as the server told it last: `{ id, depth, expires_at, idle_expires_in }`. */
  user = null
  session = null
  /** The access token: `{ raw, lifetime, born, refreshAt }`, in milliseconds of performance.now(). */
  token = null
  /** Why the last session ended: `{ reason, where: 'here' | 'tab' | 'server' }`. */
  ended = null
  /** What keeps the token from being renewed: `{ message, retryAt }`. */
  trouble = null

  /** The SDK's. Each tab asks for itself, since what a token is drawn with comes with the answer. */
  held = createSession({
    shareAccessToken: false,
    world: { ...browserWorld(), fetch: (input, init) => this.#fetch(input, init) },
    onEvent: (event) => this.#hear(event),
  })

  #send = authorizedFetch(this.held, { fetch: (input, init) => this.#fetch(input, init) })
  #answers = new Map()
  #serverClock = 0
  /** The session that the page was told of last. */
  #shown

  /** Resumes the session that the hint names; without a hint, no request is made. */
  start() {
    this.held.subscribe(() => this.#look())
    document.addEventListener('visibilitychange', () => document.hidden || (this.token && this.#tell('wake')))
    this.held.start().catch(ignore)
    this.#look()
  }

  /** The server's time in milliseconds, for words like "3 min ago"; it decides nothing. */
  serverNow() {
    return this.#serverClock + performance.now()
  }

  /** Milliseconds that the access token still has. */
  get left() {
    return this.held.remainingMs()
  }

  /** A login, or a sign-up by the path `signup`; on success this tab and the others are signed in. */
  async signIn(credentials, path = 'login') {
    try {
      await this.held.signIn(credentials, { path })
    } catch (error) {
      throw error.code === 'ABORTED' ? new Dropped() : error
    }
  }

  /** A new access token. Calls made meanwhile share one request. */
  refresh() {
    return this.held.refresh()
  }

  /** A request with the access token. If that is refused it is renewed once; only the refresh logs out. */
  async call(method, path, body) {
    const { sid } = this.held.getSnapshot()
    const headers = { 'X-Countersign': '1', ...(body && { 'Content-Type': 'application/json' }) }
    const signal = AbortSignal.timeout(TIMEOUT)
    const asked = { method, headers, body: body && JSON.stringify(body), cache: 'no-store', signal }
    const answer = await this.send(path, asked).catch((refusal) => refusal)
    if (sid !== this.held.getSnapshot().sid) throw new Dropped()
    if (answer instanceof Error) throw answer
    return answer
  }

  /** What any API answers to a request with the access token, as JSON. */
  async send(url, init, send = this.#send) {
    const response = await send(url, init).catch((error) => {
      if (error.name === 'SessionError') throw error
    })
    const answer = (await response?.json().catch(() => null)) ?? null
    const error = answer?.error ?? answer?.errors?.[0]
    // A 200 that is not JSON comes from a portal in between, not from the server.
    if (response?.ok && !error && (answer || response.status === 204)) return answer
    throw new Refusal(response, error)
  }

  /** Ends this session, or every session of the user: here and in the other tabs at once. */
  logOut({ everywhere = false } = {}) {
    return this.held.signOut({ scope: everywhere ? 'all' : 'this' })
  }

  #hear(event) {
    if (event.type === 'refreshed') this.#renewed(event.dueInMs)
    if (event.type === 'failed') {
      const { error, retryInMs } = event
      this.trouble = { message: fault(error), retryAt: performance.now() + retryInMs }
      this.#tell('trouble')
    }
  }

  #renewed(dueInMs) {
    const raw = this.held.peekAccessToken()
    const { answer, asked } = this.#answers.get(raw) ?? {}
    if (!answer) return
    const isSame = this.session?.id === answer.session.id
    const before = isSame ? { raw: this.token.raw, depth: this.session.depth } : null
    const lifetime = answer.expires_in * 1000
    this.token = { raw, lifetime, born: asked, refreshAt: performance.now() + dueInMs }
    this.session = answer.session
    this.user = answer.user
    this.#serverClock = answer.server_time - performance.now()
    this.#answers.clear()
    this.#recovered()
    this.#look()
    this.#tell('token', { before })
  }

  /** Draws what the SDK knows, once what is drawn with it is here. */
  #look() {
    const { status, reason, sid } = this.held.getSnapshot()
    if (status === 'signedIn' && this.session?.id !== sid) return
    if (status === 'signedOut') {
      this.token = this.user = this.session = null
      const where = places[reason]
      this.ended = reason === 'none' ? null : { reason: where ? 'logout' : reason, where: where ?? 'server' }
      this.#recovered()
    } else if (sid) this.ended = null
    if (this.status === statuses[status] && this.#shown === sid) return
    this.status = statuses[status]
    this.#shown = sid
    this.#tell('change')
  }

  #recovered() {
    if (!this.trouble) return
    this.trouble = null
    this.#tell('trouble')
  }

  /** The browser's, with every request told; of the answers with a token, what the page draws. */
  async #fetch(input, init = input) {
    const asked = performance.now()
    const { pathname, search } = new URL(input.url ?? input, location.href)
    let status = 0
    try {
      const response = await fetch(input, input === init ? undefined : init)
      status = response.status
      const answer = /^\/auth\/(login|refresh|signup)$/.test(pathname) && (await response.clone().json().catch(ignore))
      if (answer?.jwt_token) this.#answers.set(answer.jwt_token, { answer, asked })
      return response
    } finally {
      const took = performance.now() - asked
      const isDropped = init.signal?.aborted
      this.#tell('request', { method: init.method, path: pathname + search, status, took, isDropped })
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
