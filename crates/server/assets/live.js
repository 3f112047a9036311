/**
 * A subscription over `graphql-transport-ws`, held to the session: a silent refresh renews it in a ping, and the
 * server closes it with 4403 as soon as the session ends, wherever that was done.
 *
 * It dispatches `state` (opened, renewed, closed) and `answer` (what the subscription says).
 */

const PROTOCOL = 'graphql-transport-ws'
const FIRST_PAUSE = 1_000
const LONGEST_PAUSE = 30_000
/** What a refresh may mend; if the session is over, it is the refresh that says so. */
const RENEWABLE = ['SESSION_ENDED', 'CLAIMS_STALE', 'TOKEN_EXPIRED', 'TOKEN_INVALID']

const ignore = () => {}

export class Live extends EventTarget {
  /** `closed`, `connecting` or `open`. */
  state = 'closed'
  /** How often the open socket was shown a newer token. */
  renewals = 0
  /** When the socket was opened, by the server's clock. */
  since = 0
  /** How it was closed last, if it was the server who did: `{ code, reason }`. */
  cut = null

  #url
  #query
  #session
  #socket = null
  #failures = 0
  #timer = 0

  constructor(url, query, session) {
    super()
    this.#url = url
    this.#query = query
    this.#session = session
    session.addEventListener('token', () => this.#renew())
    session.addEventListener('wake', () => this.#reopen())
    session.addEventListener('change', () => session.status === 'signed-out' && this.#leave())
  }

  #renew() {
    if (this.state === 'open') this.#send({ type: 'ping', payload: { type: 'reauth', authorization: this.#bearer } })
    else this.#reopen()
  }

  #reopen() {
    clearTimeout(this.#timer)
    if (this.state !== 'closed' || !this.#session.token) return
    const socket = new WebSocket(this.#url, PROTOCOL)
    this.#socket = socket
    this.#become('connecting')
    socket.addEventListener('open', () =>
      this.#send({ type: 'connection_init', payload: { headers: { Authorization: this.#bearer } } }),
    )
    socket.addEventListener('message', ({ data }) => this.#hear(socket, JSON.parse(data)))
    socket.addEventListener('close', ({ code, reason }) => socket === this.#socket && this.#closed(code, reason))
  }

  #hear(socket, { type, payload }) {
    if (socket !== this.#socket) return
    if (type === 'connection_ack') {
      this.#failures = this.renewals = 0
      this.cut = null
      this.since = this.#session.serverNow()
      this.#send({ type: 'subscribe', id: 'live', payload: { query: this.#query } })
      this.#become('open')
    } else if (type === 'ping') this.#send({ type: 'pong' })
    else if (type === 'next' && payload.data) this.dispatchEvent(new CustomEvent('answer', { detail: payload.data }))
    else if (type === 'pong' && payload?.type === 'reauth' && payload.ok) {
      this.renewals++
      this.#become('open')
    }
  }

  #closed(code, reason) {
    const wasOpen = this.state === 'open'
    this.#socket = null
    this.cut = code === 4403 ? { code, reason } : null
    this.#become('closed')
    if (!this.#session.token || this.#session.isLeaving) return
    if (this.cut && RENEWABLE.includes(reason) && (wasOpen || !this.#failures)) {
      // An open page finds out at once; one that nobody looks at must not keep an idle session alive.
      if (reason === 'SESSION_ENDED' || !document.hidden) this.#session.refresh().catch(ignore)
      if (reason === 'SESSION_ENDED') return
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++) * (0.75 + Math.random() / 4)
    this.#timer = setTimeout(() => document.hidden || this.#reopen(), pause)
  }

  #leave() {
    clearTimeout(this.#timer)
    this.#socket?.close(1000)
    this.#socket = null
    this.#become('closed')
  }

  get #bearer() {
    return `Bearer ${this.#session.token.raw}`
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message))
  }

  #become(state) {
    this.state = state
    this.dispatchEvent(new CustomEvent('state'))
  }
}
