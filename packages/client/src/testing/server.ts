/** An auth server in memory: the routes that a session uses, and what can go wrong on the way. */

import type { ManualClock } from './clock.ts'

interface Login {
  sid: string
  sub: string
  depth: number
  ended: string | null
}

const base64url = (text: string): string =>
  btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')

export class MemoryServer {
  readonly clock: ManualClock
  /** Paths that were asked for, in order. */
  readonly asked: string[] = []
  readonly logins = new Map<string, Login>()
  /** Of an access token, in seconds. */
  life: number
  /** How long an answer takes, in milliseconds. */
  delay = 0
  /** Answers the next requests instead of the server; throws to drop the connection. */
  instead: ((path: string) => Response | undefined) | undefined
  /** Drops the connection after the server acted. */
  isLosing = false
  /** Answers although the page hung up: its cookies arrive all the same. */
  isDeaf = false
  #count = 0

  constructor(clock: ManualClock, life = 900) {
    this.clock = clock
    this.life = life
  }

  count(path: string): number {
    return this.asked.filter(asked => asked === `/auth/${path}`).length
  }

  /** Ends every session, as an administrator does. */
  revokeAll(): void {
    for (const login of this.logins.values()) login.ended ??= 'revoked'
  }

  readonly serve = async (jar: Map<string, string>, path: string, init: RequestInit): Promise<Response> => {
    this.asked.push(path)
    const shown = new Map(jar)
    const instead = this.instead?.(path)
    if (instead) return instead
    const { status, body, cookies } = this.#act(shown, path, JSON.parse(String(init.body)))
    const { isLosing } = this
    if (this.delay) await this.clock.sleep(this.delay)
    if (!this.isDeaf) init.signal?.throwIfAborted()
    if (isLosing) throw new TypeError('the connection was lost')
    for (const [name, value] of cookies) {
      if (value) jar.set(name, value)
      else jar.delete(name)
    }
    init.signal?.throwIfAborted()
    return Response.json(body, { status })
  }

  #act(shown: Map<string, string>, path: string, body: { username?: string; email?: string }) {
    const login = this.logins.get(shown.get('__Host-csrt')?.split('.')[0] ?? '')
    switch (path) {
      case '/auth/login':
      case '/auth/signup': {
        if (login) login.ended ??= 'logout'
        const sid = `ses_${++this.#count}`
        this.logins.set(sid, { sid, sub: String(body.username ?? body.email), depth: 0, ended: null })
        return this.#answer(this.logins.get(sid) as Login)
      }
      case '/auth/refresh':
        if (!login) return refuse(401, 'NO_SESSION', 'login')
        if (login.ended) return refuse(401, 'SESSION_ENDED', 'login', login.ended)
        login.depth++
        return this.#answer(login)
      case '/auth/logout':
      case '/auth/logout/all':
        if (!login) return refuse(401, 'NO_SESSION', 'login')
        for (const one of this.logins.values())
          if (one === login || (path.endsWith('all') && one.sub === login.sub)) one.ended ??= 'logout'
        return {
          status: 200,
          body: { ok: true },
          cookies: ['csrt', 'csfp', 'cshint'].map(name => [`__Host-${name}`, ''] as const),
        }
      default:
        return refuse(404, 'BAD_REQUEST', 'fix')
    }
  }

  #answer({ sid, sub, depth }: Login) {
    const claims = base64url(JSON.stringify({ sub, sid, jti: ++this.#count }))
    return {
      status: 200,
      body: {
        jwt_token: `e30.${claims}.${this.#count}`,
        expires_in: this.life,
        server_time: this.#count,
        session: { id: sid, depth },
      },
      cookies: [
        ['__Host-csrt', `${sid}.${depth}`],
        ['__Host-csfp', 'fingerprint'],
        ['__Host-cshint', `${sid}.${depth}`],
      ] as const,
    }
  }
}

const refuse = (status: number, code: string, action: string, reason?: string) => ({
  status,
  body: { error: { code, message: code, action, reason } },
  cookies: [] as (readonly [string, string])[],
})
