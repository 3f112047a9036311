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

/** Codes that the SDK finds by itself: what to do, in words. */
export const local = {
  ABORTED: ['retry', 'Called off by a sign-in, a sign-out or the caller.'],
  ANSWER_INVALID: ['retry', 'Not an answer of the auth server: a portal in between?'],
  CLOSED: ['fix', 'The session was closed: create another.'],
  COOKIES_BLOCKED: ['fix', 'No cookie was kept: serve app and auth from one site.'],
  INSECURE_CONTEXT: ['fix', 'Cookies need HTTPS or localhost.'],
  OFFLINE: ['retry', 'The auth server cannot be reached.'],
  SIGNED_OUT: ['login', 'Nobody is signed in.'],
  TIMEOUT: ['retry', 'The auth server did not answer in time.'],
} as const satisfies Record<string, readonly [Action, string]>

export type WireCode = (typeof wire)[Action][number]
export type LocalCode = keyof typeof local
export type Code = WireCode | LocalCode

/** Why the server ended a session. */
export type ServerReason = 'absolute' | 'idle' | 'logout' | 'reuse' | 'revoked'
