/** A client with a cookie jar and no browser: what the fault and interop tests talk with. */
import { randomBytes } from 'node:crypto'

export interface Session {
  jwt_token: string
  expires_in: number
  session: { id: string; depth: number }
}

/** A refusal by the server, with the code of the contract. */
export class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly reason: string | undefined

  constructor(status: number, error: { code: string; message: string; reason?: string }) {
    super(`${status} ${error.code} ${error.reason ?? ''}: ${error.message}`)
    this.status = status
    this.code = error.code
    this.reason = error.reason
  }
}

export class Visitor {
  readonly url: string
  readonly cookies: Map<string, string>
  /** What `signedUp` drew. */
  email = ''
  password = ''

  constructor(url: string, cookies: Iterable<[string, string]> = []) {
    this.url = url
    this.cookies = new Map(cookies)
  }

  /** A new account and its first session. */
  static async signedUp(url: string): Promise<[Visitor, Session]> {
    const visitor = new Visitor(url)
    visitor.email = `${randomBytes(6).toString('hex')}@example.org`
    visitor.password = randomBytes(16).toString('hex')
    const { email, password } = visitor
    return [visitor, await visitor.post('/auth/signup', { email, password })]
  }

  /** The same browser once more: a copy of the jar that no longer follows the original. */
  copy(): Visitor {
    return new Visitor(this.url, this.cookies)
  }

  /** Depth, slot and parent slot of the refresh token, which make two tokens the same one: 20 bytes before `issued` and the MAC. */
  place(): string {
    const token = this.cookies.get('__Host-csrt') ?? ''
    return Buffer.from(token.slice('cs_rt_'.length), 'base64url').subarray(-60, -40).toString('hex')
  }

  /** The jar, as a header. */
  cookie(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  refresh(): Promise<Session> {
    return this.post('/auth/refresh', {})
  }

  /** Posts, and keeps the cookies that are set. */
  async send(path: string, body: unknown): Promise<Response> {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-countersign': '1',
        cookie: this.cookie(),
      },
      body: JSON.stringify(body),
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      this.cookies.set(name, value)
    }
    return response
  }

  async post<Answer = Session>(path: string, body: unknown): Promise<Answer> {
    const response = await this.send(path, body)
    const answer = await response.json()
    if (!response.ok) throw new Refused(response.status, answer.error)
    return answer
  }
}
