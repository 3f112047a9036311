/** Access tokens as this tab holds them. */

import { SessionError } from './errors.ts'
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
export function decode(raw: string): Claims | null {
  try {
    const part = raw.split('.')[1] as string
    const bytes = Uint8Array.from(atob(part.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes))
    return typeof claims.sid === 'string' && typeof claims.sub === 'string' ? Object.freeze(claims) : null
  } catch {
    return null
  }
}

/** The parts of a session's answer that a tab needs, by name, so that they can be checked alike. */
export interface Parts {
  raw: unknown
  sid: unknown
  depth: unknown
  issued: unknown
  life: unknown
  left: unknown
}

/** A token whose parts fit together; null otherwise. `share`: of its life until it is due. */
export function hold(
  { raw, sid, depth, issued, life, left }: Parts,
  now: number,
  share: number,
): Held | null {
  const claims = typeof raw === 'string' && decode(raw)
  const numbers = [depth, issued, life, left].every(n => typeof n === 'number' && n >= 0 && n < 1e14)
  if (!claims || !numbers || claims.sid !== sid || (left as number) > (life as number)) return null
  const ms = life as number
  const end = now + (left as number)
  return {
    raw: raw as string,
    sid: claims.sid,
    depth: depth as number,
    issued: issued as number,
    life: ms,
    end,
    // A long life keeps 5 s for the refresh itself.
    due: end - ms + Math.min(ms * share, ms < 60_000 ? ms * 0.8 : ms - 5_000),
    claims,
  }
}

/** A session as REST (`jwt_token`) or GraphQL (`jwt`) answers it, asked for at `now`. */
export function heldOf(answer: unknown, now: number, share: number): Held {
  const { jwt_token, jwt, expires_in, expiresIn, server_time, serverTime, session } = (answer ??
    {}) as Record<string, unknown>
  const { id, depth } = (session ?? {}) as Record<string, unknown>
  const life = Number(expires_in ?? expiresIn) * 1000
  const parts = { raw: jwt_token ?? jwt, sid: id, depth, issued: server_time ?? serverTime, life, left: life }
  const held = hold(parts, now, share)
  if (!held) throw SessionError.of('ANSWER_INVALID')
  return held
}
