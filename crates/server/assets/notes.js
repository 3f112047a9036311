/** The notes of the API beside this server: another program, which checks the token alone. */

import { Live } from './live.js'
import { authorizedFetch } from './sdk.js'

const TIMEOUT = 8_000

export class Notes {
  /** The subscription to all notes. */
  live

  #url
  #session
  #send

  constructor(base, session) {
    this.#url = `${base}/graphql`
    this.#session = session
    this.#send = authorizedFetch(session.held, { origins: [base] })
    this.live = new Live(this.#url.replace(/^http/, 'ws'), 'subscription { notes { id text createdAt } }', session)
  }

  add(text) {
    return this.#execute('mutation ($text: String!) { addNote(text: $text) { id } }', { text })
  }

  remove(id) {
    return this.#execute('mutation ($id: Int!) { removeNote(id: $id) }', { id })
  }

  #execute(query, variables) {
    const asked = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query, variables }),
      // The cookie that the token is bound to has to come along.
      credentials: 'include',
      signal: AbortSignal.timeout(TIMEOUT),
    }
    return this.#session.send(this.#url, asked, this.#send)
  }
}
