/** `@countersign/client`: a session in the browser that does not break. */

export type { Action, Code, LocalCode, ServerReason, WireCode } from './codes.ts'
export { SessionError } from './errors.ts'
export { createSession } from './session.ts'
export type { Transport } from './transport.ts'
export type {
  Claims,
  EndReason,
  Identity,
  Session,
  SessionEvent,
  SessionOptions,
  Snapshot,
  Status,
  TokenOptions,
} from './types.ts'
export { browserWorld, type PageEvent, type World } from './world.ts'
