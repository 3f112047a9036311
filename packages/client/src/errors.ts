/** The one error of the SDK: a code of a closed list, and what to do about it. */

import { type Action, type Code, type LocalCode, local, type ServerReason, type WireCode } from './codes.ts'

export class SessionError extends Error {
  declare readonly code: Code
  /** `login`: ask the user to sign in. `retry`: later. `refresh`: once, then repeat. `fix`: a fault of the program. */
  declare readonly action: Action
  /** Why a session ended, with `SESSION_ENDED`. */
  declare readonly reason: ServerReason | undefined
  /** Of the answer; 0 if there was none. */
  declare readonly status: number
  /** How long the server asks to wait. */
  declare readonly retryAfterMs: number | undefined

  constructor(
    code: Code,
    action: Action,
    message: string,
    status = 0,
    reason?: ServerReason,
    retryAfterMs?: number,
  ) {
    super(message)
    Object.assign(this, { name: 'SessionError', code, action, status, reason, retryAfterMs })
  }

  /** What the SDK finds by itself. */
  static of(code: LocalCode, status?: number): SessionError {
    const [action, message] = local[code]
    return new SessionError(code, action, message, status)
  }
}

/** Anything thrown, as one of ours. */
export const asError = (thrown: unknown): SessionError =>
  thrown instanceof SessionError ? thrown : SessionError.of('ANSWER_INVALID')

/** What a refusal says in its body: `{"error": {code, message, action, reason?}}`. */
interface Refusal {
  error?: { code?: unknown; message?: unknown; action?: unknown; reason?: unknown } | null
}

const actions = new Set<unknown>(['fix', 'login', 'refresh', 'retry'])
const longestWait = 300_000

/**
 * The error that an answer stands for. Only what has the shape of our refusals keeps its code: the 401 of a captive
 * portal or a firewall is `ANSWER_INVALID`, which signs nobody out.
 */
export function refusal(status: number, body: unknown, retryAfter?: string | null): SessionError {
  const { code, message, action, reason } = (body as Refusal | null)?.error ?? {}
  const wait = Number(retryAfter)
  const retryAfterMs = wait > 0 ? Math.min(longestWait, wait * 1000) : undefined
  if (typeof code !== 'string' || !actions.has(action)) {
    const busy = status === 429 || status >= 500
    const [is, what, words] = busy
      ? (['UNAVAILABLE', 'retry', `The auth server answered ${status}.`] as const)
      : (['ANSWER_INVALID', ...local.ANSWER_INVALID] as const)
    return new SessionError(is, what, words, status, undefined, retryAfterMs)
  }
  return new SessionError(
    code as WireCode,
    action as Action,
    String(message),
    status,
    reason as ServerReason | undefined,
    retryAfterMs,
  )
}
