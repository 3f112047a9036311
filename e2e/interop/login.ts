/** Somebody who is signed in, as an app holds it: the browser's cookies, and the newest token. */
import { decodeJwt } from 'jose'
import { type ClientOptions, WebSocket } from 'ws'
import type { Notes } from '../notes.ts'
import { type Session, Visitor } from '../visitor.ts'

export class Login {
  /** Where GraphQL is. */
  readonly api: string
  readonly visitor: Visitor
  readonly #notes: Notes
  token: string
  /** How often the auth server was asked for a newer one. */
  renewals = 0

  private constructor(notes: Notes, visitor: Visitor, token: string) {
    this.api = `${notes.url}/graphql`
    this.#notes = notes
    this.visitor = visitor
    this.token = token
  }

  static async open(url: string, notes: Notes): Promise<Login> {
    const [visitor, session] = await Visitor.signedUp(url)
    return new Login(notes, visitor, session.jwt_token)
  }

  /** `fetch` as a browser has it, which sends the cookies along. */
  readonly fetch: typeof fetch = (address, init) => {
    const headers = new Headers(init?.headers)
    headers.set('cookie', this.visitor.cookie())
    return fetch(address, { ...init, headers })
  }

  /** `WebSocket` as a browser has it. */
  webSocket() {
    const { visitor } = this
    return class WithCookies extends WebSocket {
      constructor(address: string, protocols?: string | string[], options?: ClientOptions) {
        super(address, protocols, {
          ...options,
          headers: { cookie: visitor.cookie(), origin: visitor.url },
        })
      }
    }
  }

  get authorization(): string {
    return `Bearer ${this.token}`
  }

  /** Whether the token has a second left, or more. */
  get isFresh(): boolean {
    return (decodeJwt(this.token).exp ?? 0) > Date.now() / 1000 + 1
  }

  /** The answer of the auth server, to be read by others. */
  renewal(): Promise<Response> {
    this.renewals++
    return this.visitor.send('/auth/refresh', {})
  }

  async renew(): Promise<string> {
    const answer = await this.renewal()
    if (!answer.ok) throw new Error(`the refresh was refused: ${answer.status}`)
    this.token = ((await answer.json()) as Session).jwt_token
    return this.token
  }

  /** Adds a note by the newest token there is. */
  async addNote(text: string): Promise<void> {
    if (!this.isFresh) await this.renew()
    const mutation = `mutation { addNote(text: ${JSON.stringify(text)}) { id } }`
    await this.#notes.post(mutation, this.token, this.visitor.cookie())
  }
}
