/** The one error of the SDK: a code of a closed list, and what to do about it. */

import type { Action, Code, ServerReason } from './codes.ts'

/** What may be known of an error besides. */
interface Details {
  message?: unknown
  status?: number
  reason?: ServerReason | undefined
  retryAfterMs?: number | undefined
}

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

  /** Its message is the server's, or the code. */
  constructor(code: Code, action: Action = 'retry', details?: Details) {
    super()
    Object.assign(this, { name: 'SessionError', code, action, message: code, status: 0 }, details)
  }
}

/** What a refusal says in its body: `{"error": {code, message, action, reason?}}`. */
interface Refusal {
  error?: { code?: unknown; message?: unknown; action?: unknown; reason?: unknown } | null
}

const longestWait = 300_000

/**
 * The error that an answer stands for. Only what has the shape of our refusals keeps its code: the 401 of a captive
 * portal or a firewall is `ANSWER_INVALID`, which signs nobody out.
 */
export function refusal(status: number, body: unknown, retryAfter?: string | null): SessionError {
  const { code, message, action, reason } = (body as Refusal | null)?.error ?? {}
  const retryAfterMs = Math.max(0, Math.min(longestWait, Number(retryAfter) * 1000)) || undefined
  if (typeof code === 'string' && /^(fix|login|refresh|retry)$/.test(action as string))
    return new SessionError(code as Code, action as Action, {
      message,
      status,
      reason: reason as ServerReason | undefined,
      retryAfterMs,
    })
  const isBusy = status === 429 || status > 499
  return new SessionError(isBusy ? 'UNAVAILABLE' : 'ANSWER_INVALID', 'retry', { status, retryAfterMs })
}
