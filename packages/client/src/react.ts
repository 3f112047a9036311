'use client'
/** `@countersign/client/react`: the session in React 18 and 19. */

import {
  type Context,
  createContext,
  createElement,
  Fragment,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useSyncExternalStore,
} from 'react'
import type { Claims, Session, Snapshot } from './index.ts'

const context: Context<Session | null> = createContext<Session | null>(null)

/** The session is made outside of React, once; this starts it. Mounting twice starts once. */
export function SessionProvider(props: { session: Session; children?: ReactNode }): ReactElement {
  const { session, children } = props
  useEffect(() => {
    // A session that was closed meanwhile is nobody's error.
    session.start().catch(() => {})
  }, [session])
  return createElement(context.Provider, { value: session }, children)
}

/** The session itself, for signing in and out. */
export function useSessionClient(): Session {
  const session = useContext(context)
  if (!session) throw new Error('useSession needs a <SessionProvider> around it')
  return session
}

/** The snapshot: renders again when it changes, and not for a new access token. */
export function useSession(): Snapshot {
  const { subscribe, getSnapshot, getServerSnapshot } = useSessionClient()
  return useSyncExternalStore(subscribe, getSnapshot, getServerSnapshot)
}

/** The claims, or what `select` takes from them; null while nobody is signed in. */
export function useClaims(): Claims | null
export function useClaims<T>(select: (claims: Claims) => T): T | null
export function useClaims(select?: (claims: Claims) => unknown): unknown {
  const { claims } = useSession()
  return claims && select ? select(claims) : claims
}

const only =
  (status: Snapshot['status']) =>
  ({ children, fallback }: { children?: ReactNode; fallback?: ReactNode }): ReactElement =>
    createElement(Fragment, null, useSession().status === status ? children : fallback)

/** Shows its children while somebody is signed in. */
export const SignedIn: ReturnType<typeof only> = only('signedIn')
/** Shows its children once it is known that nobody is signed in. */
export const SignedOut: ReturnType<typeof only> = only('signedOut')

/** Goes elsewhere once nobody is signed in: to an address, or by a router. Pending, it waits. */
export function useRequireSession(options: { redirectTo: string | (() => void) }): Snapshot {
  const { redirectTo } = options
  const snapshot = useSession()
  const isOut = snapshot.status === 'signedOut'
  useEffect(() => {
    if (!isOut) return
    if (typeof redirectTo === 'string') location.assign(redirectTo)
    else redirectTo()
  }, [isOut, redirectTo])
  return snapshot
}
