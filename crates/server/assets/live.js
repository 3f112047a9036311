/**
 * A subscription that lives as long as the session: a silent refresh renews it in a ping, and the server closes it with
 * 4403 as soon as the session ends, wherever that was done.
 *
 * It dispatches `state` (opened, renewed, closed) and `answer` (what the subscription says).
 */

import { createClient, sessionSocket } from './sdk.js'

export class Live extends EventTarget {
  /** `closed`, `connecting` or `open`. */
  state = 'closed'
  /** How often the open socket was shown a newer token. */
  renewals = 0
  /** When the socket was opened, by the server's clock. */
  since = 0
  /** How it was closed last, if it was the server who did: `{ code, reason }`. */
  cut = null

  #client
  #query
  #stop = null

  constructor(url, query, session) {
    super()
    this.#query = query
    this.#client = createClient(sessionSocket(session.held, url))
    this.#client.on('connecting', () => this.#become('connecting'))
    this.#client.on('connected', () => {
      this.renewals = 0
      this.cut = null
      this.since = session.serverNow()
      this.#become('open')
    })
    this.#client.on('pong', (_, payload) => {
      if (payload?.type !== 'reauth' || !payload.ok) return
      this.renewals++
      this.#become('open')
    })
    this.#client.on('closed', ({ code, reason }) => {
      // What this page closes has no reason.
      this.cut = code === 4403 && reason ? { code, reason } : null
      this.#become('closed')
    })
    session.addEventListener('change', () => {
      this.#stop?.()
      this.#stop = session.status === 'signed-in' ? this.#subscribe() : null
    })
  }

  #subscribe() {
    const next = ({ data }) => data && this.dispatchEvent(new CustomEvent('answer', { detail: data }))
    // How it ends, the session says.
    return this.#client.subscribe({ query: this.#query }, { next, error() {}, complete() {} })
  }

  #become(state) {
    this.state = state
    this.dispatchEvent(new CustomEvent('state'))
  }
}
