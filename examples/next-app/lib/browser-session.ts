'use client'
import { createSession, type Session, type SessionOptions } from '@countersign/client'
import { saw } from './watch'

let tab: Session | undefined

/** One in the browser; on the server a new one each time, as everybody's pages are rendered by one process. */
export function sessionOf(initial: SessionOptions['initial']): Session {
  if (typeof window === 'undefined') return createSession({ initial: initial ?? null })
  tab ??= createSession({ initial: initial ?? null, onEvent: saw })
  return tab
}
