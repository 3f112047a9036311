/** What a page sees of the state: a snapshot that stays the same object until something in it changes. */

import type { State } from './machine.ts'
import type { Claims, Snapshot, Status } from './types.ts'

/** Without what is new in every token. */
const lasting = (claims: Claims | null): string => JSON.stringify({ ...claims, exp: 0, iat: 0, jti: 0 })

const statuses: Record<State['phase'], Status> = {
  checking: 'pending',
  closed: 'signedOut',
  idle: 'pending',
  in: 'signedIn',
  out: 'signedOut',
}

type Rendered = { readonly status: Status; readonly claims: Claims | null; readonly sid: string | null }

export function show(
  { phase, held, sid, reason, fails }: State,
  rendered: Rendered | null | undefined,
  before: Snapshot | null,
): Snapshot {
  let status = statuses[phase]
  let claims = held ? held.claims : null
  // What the server rendered stands until we know better.
  if (rendered && (phase === 'idle' || (phase === 'checking' && rendered.sid === sid && !fails)))
    ({ status, claims } = rendered)
  const next = { status, claims, sid: claims ? claims.sid : null, reason, degraded: fails > 0 }
  if (!before || lasting(before.claims) !== lasting(claims)) return Object.freeze(next)
  const isSame = before.status === status && before.reason === reason && before.degraded === next.degraded
  return isSame ? before : Object.freeze({ ...next, claims: before.claims })
}
