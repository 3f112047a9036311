/** Access tokens as this tab holds them. */

import type { Claims } from './types.ts'

export interface Held {
  readonly raw: string
  readonly sid: string
  readonly depth: number
  /** The server's time when it answered: orders tokens of one depth. */
  readonly issued: number
  /** In milliseconds: the whole life, and when it began, ends and is due for renewal by the clock of this tab. */
  readonly life: number
  readonly asked: number
  readonly ends: number
  readonly due: number
  readonly claims: Claims
}

/** Greater depth, or the same depth answered later. */
export const isNewer = (one: Held, other: Held): boolean =>
  one.depth > other.depth || (one.depth === other.depth && one.issued > other.issued)

/** The claims of a token, unverified; null if it is none. */
export function decode(raw: unknown): Claims | null {
  try {
    const part = (raw as string).split('.')[1] as string
    const bytes = Uint8Array.from(atob(part.replace(/[-_]/g, c => (c === '-' ? '+' : '/'))), c =>
      c.charCodeAt(0),
    )
    const claims = JSON.parse(new TextDecoder().decode(bytes))
    return claims.sid && claims.sub ? claims : null
  } catch {
    return null
  }
}

/** What makes a token, as a session's answer has it: of REST, or of GraphQL. Tabs tell it each other as REST does. */
export interface Told {
  readonly jwt_token?: unknown
  readonly expires_in?: unknown
  readonly server_time?: unknown
  readonly jwt?: unknown
  readonly expiresIn?: unknown
  readonly serverTime?: unknown
  readonly session?: { readonly depth?: unknown } | null
}

/** A token whose parts make sense; null otherwise. `asked`: when its life began; `share`: of it until it is due. */
export function hold(told: unknown, asked: number, share: number): Held | null {
  const {
    jwt_token,
    jwt = jwt_token,
    expires_in,
    expiresIn = expires_in,
    server_time,
    serverTime,
    session,
  } = (told ?? {}) as Told
  const issued = serverTime ?? server_time
  const depth = session?.depth
  const life = (expiresIn as number) * 1000
  const claims = decode(jwt)
  return claims && [depth, issued, life, asked].every(Number.isFinite)
    ? {
        raw: jwt as string,
        sid: claims.sid,
        depth: depth as number,
        issued: issued as number,
        life,
        asked,
        ends: asked + life,
        // A long life keeps 5 s for the refresh itself.
        due: asked + Math.min(life * share, Math.max(life * 0.8, life - 5_000)),
        claims,
      }
    : null
}

/** A token, as `hold` takes it. */
export const telling = ({ raw, life, issued, depth }: Held): Told => ({
  jwt_token: raw,
  expires_in: life / 1000,
  server_time: issued,
  session: { depth },
})
