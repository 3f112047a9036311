/** Access tokens as this tab holds them. */

import type { Claims } from './types.ts'

export interface Held {
  readonly raw: string
  readonly sid: string
  readonly depth: number
  /** The server's time when it answered: orders tokens of one depth. */
  readonly issued: number
  /** In milliseconds: the whole life, and when it ends and is due for renewal by the clock of this tab. */
  readonly life: number
  readonly end: number
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
    const bytes = Uint8Array.from(atob(part.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes))
    return typeof claims.sid === 'string' && typeof claims.sub === 'string' ? Object.freeze(claims) : null
  } catch {
    return null
  }
}

/** What makes a token, in the order in which tabs tell it: the token itself, its depth, `issued`, its life. */
export type Told = readonly [raw: unknown, depth: unknown, issued: unknown, life: unknown]

/** A token whose parts make sense; null otherwise. `asked`: when its life began; `share`: of it until it is due. */
export function hold(told: Told, asked: number, share: number): Held | null {
  const [raw, depth, issued, life] = Array.isArray(told) ? told : []
  const claims = decode(raw)
  if (!claims || ![depth, issued, life, asked].every(Number.isFinite)) return null
  const ms = life as number
  return {
    raw: raw as string,
    sid: claims.sid,
    depth: depth as number,
    issued: issued as number,
    life: ms,
    end: asked + ms,
    // A long life keeps 5 s for the refresh itself.
    due: asked + Math.min(ms * share, Math.max(ms * 0.8, ms - 5_000)),
    claims,
  }
}

/** What a session's answer tells, of REST (`jwt_token`) or GraphQL (`jwt`). */
export function toldBy(answer: unknown): Told {
  const { jwt_token, jwt, expires_in, expiresIn, server_time, serverTime, session } = answer as Record<
    string,
    unknown
  >
  const depth = (session as { depth?: unknown } | undefined)?.depth
  return [jwt_token ?? jwt, depth, server_time ?? serverTime, Number(expires_in ?? expiresIn) * 1000]
}
