/** The notes of the API beside this server: another program, which checks the token alone. */

import { Live } from './live.js'
import { Refusal } from './session.js'

const TIMEOUT = 8_000

export class Notes {
  /** The subscription to all notes. */
  live

  #url
  #session

  constructor(base, session) {
    this.#url = `${base}/graphql`
    this.#session = session
    this.live = new Live(this.#url.replace(/^http/, 'ws'), 'subscription { notes { id text createdAt } }', session)
  }

  add(text) {
    return this.#execute('mutation ($text: String!) { addNote(text: $text) { id } }', { text })
  }

  remove(id) {
    return this.#execute('mutation ($id: Int!) { removeNote(id: $id) }', { id })
  }

  /** A 401 means one refresh and one more try. */
  async #execute(query, variables) {
    try {
      return await this.#post({ query, variables })
    } catch (refusal) {
      if (refusal.status !== 401) throw refusal
      await this.#session.refresh()
      return this.#post({ query, variables })
    }
  }

  async #post(body) {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.#session.token.raw}` },
      body: JSON.stringify(body),
      // The cookie that the token is bound to has to come along.
      credentials: 'include',
      signal: AbortSignal.timeout(TIMEOUT),
    }).catch(() => null)
    const answer = (await response?.json().catch(() => null)) ?? null
    const error = answer?.error ?? answer?.errors?.[0]
    if (response?.ok && answer && !error) return answer.data
    throw new Refusal(response, error ?? (response ? null : { message: 'The notes API cannot be reached.' }))
  }
}
