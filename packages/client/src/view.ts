/** What a page sees of the state: a snapshot that stays the same object until something in it changes. */

import type { State } from './machine.ts'
import type { SessionOptions, Snapshot } from './types.ts'

/** Without what is new in every token. */
const lasting = (seen: Snapshot): string =>
  JSON.stringify(seen, (name, value) => (/^(exp|iat|jti)$/.test(name) ? 0 : value))

export function show(
  { phase, held, sid, reason, fails }: State,
  rendered: SessionOptions['initial'],
  before?: Snapshot,
): Snapshot {
  let status = phase
  let claims = held ? held.claims : null
  // What the server rendered stands until we know better.
  if (rendered && phase === 'pending' && !fails && (!sid || rendered.sid === sid))
    ({ status, claims } = rendered)
  const next = { status, claims, sid: claims ? claims.sid : null, reason, degraded: fails > 0 }
  return before && lasting(before) === lasting(next) ? before : next
}
