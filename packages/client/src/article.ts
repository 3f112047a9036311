/**
 * `@countersign/client/article`: the functions of "How to Use JWTs for Client-Side Auth With GraphQL", as thin views
 * of a session. The guide page says what each of them got wrong there.
 */

import { ApolloLink } from '@apollo/client/core'
import { sessionLink } from './apollo.ts'
import { createSession, type Session, type SessionOptions, type Snapshot } from './index.ts'

export interface Article {
  session: Session
  /** The token in memory, or null. Never an expired one. */
  getJwtToken(): string | null
  login(credentials: object): Promise<Snapshot>
  logout(): Promise<void>
  /** Stands where `TokenRefreshLink` stood: renews before a request, and once after a refusal. */
  tokenRefreshLink: ApolloLink
  /** Stands where `logoutLink` stood. A 401 of an API logs nobody out: what the refresh says does. */
  logoutLink: ApolloLink
}

export function article(options?: SessionOptions): Article {
  const session = createSession(options)
  void session.start().catch(() => {})
  return {
    session,
    getJwtToken: session.peekAccessToken,
    login: credentials => session.signIn(credentials),
    logout: () => session.signOut(),
    tokenRefreshLink: sessionLink(session),
    logoutLink: new ApolloLink((operation, forward) => forward(operation)),
  }
}
