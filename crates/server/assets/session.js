/**
 * The session of this page: the access token in memory, renewed silently.
 *
 *   checking ──► signed-out ◄──► signed-in
 *
 * It dispatches `change` (the status, or who is signed in), `token` (a new access token), `trouble` (the server
 * stopped answering, or answers again), `wake` (the page is looked at again) and `request` (one request ended).
 *
 * Lives are counted from `expires_in` with performance.now(): the clock of the device decides nothing.
 * Several tabs may refresh at once: the server answers them alike.
 */

const TIMEOUT = 8_000
const FIRST_PAUSE = 1_000
const LONGEST_PAUSE = 30_000

/** A request that the server refused, or never answered (then `status` is 0). */
export class Refusal extends Error {
  constructor(response, error) {
    super(error?.message ?? (response ? `The server answered ${response.status}.` : 'The server cannot be reached.'))
    this.status = response?.status ?? 0
    this.code = error?.code
    this.action = error?.action
    this.reason = error?.reason
    this.pause = 1000 * (Number(response?.headers.get('Retry-After')) || 0)
  }
}

/** The answer of a request that was begun before a sign-in or a sign-out: nobody may use it. */
export class Dropped extends Error {}

/** The cookie that scripts may read, `<session id>.<depth>`: it tells that a session exists and authorises nothing. */
export const hint = () => document.cookie.match(/(?:^|; )(?:__Host|__Secure)-cshint=([^;]*)/)?.[1] ?? null

const ignore = () => {}

export class Session extends EventTarget {
  status = 'checking'
  /** The user, and the session as the server told it last: `{ id, depth, expires_at, idle_expires_in }`. */
  user = null
  session = null
  /** The access token: `{ raw, lifetime, born, refreshAt }`, in milliseconds of performance.now(). */
  token = null
  /** Why the last session ended: `{ reason, message, where: 'here' | 'tab' | 'server' }`. */
  ended = null
  /** What keeps the token from being renewed: `{ message, retryAt }`. */
  trouble = null

  /** Whether the user is logging out here: then the end of the session is no news. */
  isLeaving = false

  #epoch = 0
  #underWay = new AbortController()
  #refreshing = null
  #timer = 0
  #failures = 0
  #serverClock = 0
  #tabs = new BroadcastChannel('countersign')

  /** Resumes the session that the hint names; without a hint, no request is made. */
  start() {
    this.#tabs.addEventListener('message', ({ data }) => this.#hear(data))
    document.addEventListener('visibilitychange', () => document.hidden || this.#wake())
    for (const sign of ['online', 'pageshow']) addEventListener(sign, () => this.#wake())
    if (hint()) this.refresh().catch(ignore)
    else this.#end(null)
  }

  /** The server's time in milliseconds, for words like "3 min ago"; it decides nothing. */
  serverNow() {
    return this.#serverClock + performance.now()
  }

  /** Milliseconds that the access token still has. */
  get left() {
    return this.token ? Math.max(0, this.token.born + this.token.lifetime - performance.now()) : 0
  }

  /** `POST` of a sign-up or login; on success this tab and the others are signed in. */
  async signIn(path, credentials) {
    const epoch = this.#turn()
    const asked = performance.now()
    const answer = await this.#send('POST', path, { body: credentials })
    if (epoch !== this.#epoch) throw new Dropped()
    this.#adopt(answer, asked)
    this.#tabs.postMessage({ kind: 'in', id: this.session.id })
  }

  /** A new access token. Calls made meanwhile share one request. */
  refresh() {
    if (!this.#refreshing) {
      const renewal = this.#renew().finally(() => {
        if (this.#refreshing === renewal) this.#refreshing = null
      })
      this.#refreshing = renewal
    }
    return this.#refreshing
  }

  /** A request with the access token. A 401 means one refresh and one more try; only the refresh logs out. */
  async call(method, path, body) {
    const epoch = this.#epoch
    const shown = this.token.raw
    const answer = await this.#send(method, path, { body, bearer: shown }).catch(async (refusal) => {
      if (refusal.status !== 401 || epoch !== this.#epoch) throw refusal
      if (shown === this.token.raw) await this.refresh()
      if (epoch !== this.#epoch) throw new Dropped()
      return this.#send(method, path, { body, bearer: this.token.raw })
    })
    if (epoch !== this.#epoch) throw new Dropped()
    return answer
  }

  /** Ends this session, or every session of the user: at the server first, then here and in the other tabs. */
  async logOut({ everywhere = false } = {}) {
    this.#turn()
    this.isLeaving = true
    try {
      await (everywhere ? this.call('POST', '/auth/logout/all', {}) : this.#send('POST', '/auth/logout', { body: {} }))
    } catch (refusal) {
      if (this.status === 'signed-out') return
      if (refusal.action !== 'login') {
        this.#arm()
        throw refusal
      }
    } finally {
      this.isLeaving = false
    }
    this.#end({ reason: 'logout', where: 'here' })
  }

  async #renew() {
    const epoch = this.#epoch
    const asked = performance.now()
    try {
      const answer = await this.#send('POST', '/auth/refresh', { body: {} })
      if (epoch === this.#epoch) return this.#adopt(answer, asked)
    } catch (refusal) {
      if (epoch === this.#epoch) {
        if (refusal.action === 'login') this.#end({ reason: refusal.reason, message: refusal.message, where: 'server' })
        else this.#retryLater(refusal)
        throw refusal
      }
    }
    throw new Dropped()
  }

  #adopt(answer, asked) {
    const isSame = this.status === 'signed-in' && this.session.id === answer.session.id
    if (!isSame) this.#turn()
    const lifetime = answer.expires_in * 1000
    const lead = Math.max(lifetime / 10, Math.min(60_000, lifetime / 2))
    const before = isSame ? { raw: this.token.raw, depth: this.session.depth } : null
    this.token = { raw: answer.jwt_token, lifetime, born: asked, refreshAt: asked + lifetime - lead }
    this.session = answer.session
    this.user = answer.user
    this.status = 'signed-in'
    this.ended = null
    this.#serverClock = answer.server_time - performance.now()
    this.#recovered()
    this.#arm()
    if (!isSame) this.#tell('change')
    this.#tell('token', { before })
  }

  #end(ended) {
    const id = this.session?.id
    this.#turn()
    this.token = null
    this.user = null
    this.status = 'signed-out'
    this.ended = ended
    this.#recovered()
    this.#tell('change')
    if (id && ended?.where !== 'tab') this.#tabs.postMessage({ kind: 'out', id, ended })
  }

  /** Another tab signed in or out: the cookies, which all tabs share, have changed. */
  #hear({ kind, id, ended }) {
    if (kind === 'in' && id !== this.#id) {
      this.#turn()
      this.refresh().catch(ignore)
    } else if (kind === 'out' && id === this.#id && this.status === 'signed-in') {
      this.#end({ ...ended, where: ended.where === 'here' ? 'tab' : ended.where })
    }
  }

  /** Timers sleep with the device, and other tabs go on: so look again. */
  #wake() {
    const hinted = hint()?.split('.')[0] ?? null
    const isOther = hinted !== (this.#id ?? null)
    const isDue = this.trouble || performance.now() >= (this.token?.refreshAt ?? 0)
    if (this.status === 'signed-out' ? hinted && isOther : isOther || isDue) this.refresh().catch(ignore)
    else if (this.status === 'signed-in') this.#tell('wake')
  }

  get #id() {
    return this.session?.id
  }

  /** Begins a new epoch: whatever was asked before is called off, and its answer dropped. */
  #turn() {
    this.#underWay.abort()
    this.#underWay = new AbortController()
    this.#refreshing = null
    clearTimeout(this.#timer)
    return ++this.#epoch
  }

  #arm(pause = this.token.refreshAt - performance.now()) {
    clearTimeout(this.#timer)
    // A page that nobody looks at must not keep an idle session alive: `#wake` makes up for it.
    this.#timer = setTimeout(() => document.hidden || this.refresh().catch(ignore), pause)
  }

  #retryLater(refusal) {
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++) * (0.75 + Math.random() / 4)
    const wait = Math.max(pause, refusal.pause)
    this.trouble = { message: refusal.message, retryAt: performance.now() + wait }
    this.#arm(wait)
    this.#tell('trouble')
  }

  #recovered() {
    this.#failures = 0
    this.trouble = null
    this.#tell('trouble')
  }

  async #send(method, path, { body, bearer } = {}) {
    const asked = performance.now()
    const headers = { 'X-Countersign': '1' }
    if (method !== 'GET') headers['Content-Type'] = 'application/json'
    if (bearer) headers.Authorization = `Bearer ${bearer}`
    const { signal } = this.#underWay
    const response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
    }).catch(() => null)
    const answer = (await response?.json().catch(() => null)) ?? null
    const took = performance.now() - asked
    this.#tell('request', { method, path, status: response?.status ?? 0, took, isDropped: signal.aborted })
    // A 200 that is not JSON comes from a portal in between, not from the server.
    if (response?.ok && (answer || response.status === 204)) return answer
    throw new Refusal(response, answer?.error)
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
