/** The closed table of what can go wrong, and what a program does about it. */

export type Action = 'fix' | 'login' | 'refresh' | 'retry'

/** The codes of the wire, by what the client does about each: `vectors/codes.json`, which a test compares. */
export const wire = {
  fix: ['ACCOUNT_EXISTS', 'BAD_REQUEST', 'CSRF_REJECTED', 'FORBIDDEN'],
  login: [
    'CREDENTIALS_INVALID',
    'FINGERPRINT_MISMATCH',
    'NO_SESSION',
    'REFRESH_TOKEN_INVALID',
    'SESSION_ENDED',
  ],
  refresh: ['CLAIMS_STALE', 'REFRESH_TOKEN_STALE', 'TOKEN_EXPIRED', 'TOKEN_INVALID'],
  retry: ['RATE_LIMITED', 'UNAVAILABLE'],
} as const

/** What the SDK finds by itself; the guide says when. */
export const local = [
  'ABORTED',
  'ANSWER_INVALID',
  'CLOSED',
  'COOKIES_BLOCKED',
  'INSECURE_CONTEXT',
  'OFFLINE',
  'TIMEOUT',
] as const

export type LocalCode = (typeof local)[number]
export type WireCode = (typeof wire)[Action][number]
export type Code = WireCode | LocalCode

/** Why the server ended a session. */
export type ServerReason = 'absolute' | 'idle' | 'logout' | 'reuse' | 'revoked'
