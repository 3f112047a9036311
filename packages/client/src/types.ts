/** The public types. */

import type { ServerReason } from './codes.ts'
import type { SessionError } from './errors.ts'
import type { Transport } from './transport.ts'
import type { World } from './world.ts'

/** What an access token of the server says of its bearer; decoded, never verified: for display, not for decisions. */
export interface Claims {
  readonly sub: string
  readonly sid: string
  readonly preferred_username?: string
  readonly [claim: string]: unknown
}

export type Status = 'pending' | 'signedIn' | 'signedOut'

/** Why nobody is signed in. `refused`: the server did not know the refresh token, or the fingerprint was gone. */
export type EndReason = 'none' | 'other-tab' | 'refused' | 'user' | ServerReason

/** What a page shows. The same object until something in it changes; a new access token alone changes nothing. */
export interface Snapshot<C extends Claims = Claims> {
  readonly status: Status
  readonly claims: C | null
  readonly sid: string | null
  readonly reason: EndReason
  /** The auth server cannot be reached at the moment; the user stays signed in. */
  readonly degraded: boolean
}

/** Who is signed in, and in which session. */
export interface Identity {
  readonly sid: string
  readonly sub: string
}

/** For logs and measurements; never awaited. */
export type SessionEvent =
  | { readonly type: 'adopted' | 'refreshed'; readonly depth: number; readonly dueInMs: number }
  | { readonly type: 'failed'; readonly error: SessionError; readonly retryInMs: number }
  | { readonly type: 'ended'; readonly reason: EndReason }
  | { readonly type: 'trouble'; readonly error: SessionError }

export interface SessionOptions {
  /** Where the auth server's routes are; `/auth` of this origin by default. */
  authUrl?: string
  /** Keeps two sessions on one origin apart. */
  name?: string
  /** The `cookie_domain` of the server, if it has one: then an absent hint means that nobody is signed in. */
  cookieDomain?: string
  /** When a token is renewed by itself: in visible tabs, and in hidden ones with a subscription (`visible`); always; never (`demand`). */
  background?: 'always' | 'demand' | 'visible'
  /** The share of a token's life after which it is renewed; up to 0.1 more by chance, so that tabs do not all wake at once. */
  refreshAt?: number
  /** How long a token must be valid to be handed out without a refresh. */
  minValidityMs?: number
  /** Hand access tokens to other tabs of this origin, in memory. */
  shareAccessToken?: boolean
  requestTimeoutMs?: number
  /** How long to wait for another tab's refresh; then go on without the lock. */
  lockWaitMs?: number
  /** What the server rendered, for the first snapshot. */
  initial?: { readonly status: Status; readonly claims: Claims | null; readonly sid: string | null } | null
  onEvent?: (event: SessionEvent) => void
  /** How to open, renew and end the session; cookies by default, `headerTransport()` of `./header` for the article's way. */
  transport?: Transport
  /** The outside world; `browserWorld()` by default, of which a program may replace `fetch`. */
  world?: World
}

export interface TokenOptions {
  minValidityMs?: number
  /** The token that an API has just refused: replaced once, if it is still the newest. */
  rejected?: string | null | undefined
  signal?: AbortSignal
}

export interface Session<C extends Claims = Claims> {
  /** Finds out whether somebody is signed in. May be called often; resolves at the first known status. */
  start(): Promise<Snapshot<C>>
  getSnapshot(): Snapshot<C>
  /** What the server rendered, for hydration. */
  getServerSnapshot(): Snapshot<C>
  /** Called when the snapshot changes; answers how to stop. */
  subscribe(listener: () => void): () => void
  /** Called with every new access token, and with null when there is none any more. */
  onToken(listener: (token: string | null) => void): () => void
  /** Called when somebody signs in, out, or in as somebody else: the time to clear caches. */
  onIdentity(listener: (next: Identity | null, before: Identity | null) => void): () => void
  /** A valid access token, renewed first if need be; null only if nobody is signed in. Rejects with a `SessionError`. */
  getAccessToken(options?: TokenOptions): Promise<string | null>
  /** The access token if it is valid now. */
  peekAccessToken(): string | null
  /** How long the access token is valid; 0 without one. For displays and sockets. */
  remainingMs(): number
  /** Renews now, e.g. because roles changed. */
  refresh(): Promise<Snapshot<C>>
  /** `POST` to `login` (or another path under the auth URL, such as `signup`). */
  signIn(credentials: object, options?: { path?: string; signal?: AbortSignal }): Promise<Snapshot<C>>
  /** Takes the answer of a login that the program made itself, over HTTP or GraphQL. */
  adopt(answer: unknown): Snapshot<C>
  /** Signed out here and in every tab before this returns; the promise is the server's part. */
  signOut(options?: { scope?: 'all' | 'others' | 'this' }): Promise<void>
  /** Keeps the token fresh in a hidden tab as well, until the answer is called: for open subscriptions. */
  hold(): () => void
  /** Ends timers, channel and listeners; the user stays signed in. */
  close(): void
}
