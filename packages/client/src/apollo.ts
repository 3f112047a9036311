/** `@countersign/client/apollo`: a link for Apollo Client 3.8 and later, and 4. */

import { ApolloLink, Observable } from '@apollo/client/core'
import { type Session, SessionError } from './index.ts'
import { blamesToken } from './refused.ts'

export interface LinkOptions {
  /** Which operations show the token; all by default. */
  shouldAuth?: (operation: ApolloLinkOperation) => boolean
}

type ApolloLinkOperation = Parameters<ConstructorParameters<typeof ApolloLink>[0] & {}>[0]
type Result = { readonly errors?: readonly { readonly extensions?: Record<string, unknown> }[] | undefined }

/** The error of an HTTP 401 (both majors), or GraphQL errors that were thrown (Apollo Client 4). */
const isRefusal = (error: unknown): boolean => {
  const { statusCode, errors } = error as Result & { statusCode?: number }
  return statusCode === 401 || blamesToken(errors)
}

/**
 * Shows the access token, and renews one that the API refuses: one refresh, one more try. What was asked before
 * somebody signed out, or in as somebody else, never arrives.
 */
export function sessionLink(session: Session, { shouldAuth }: LinkOptions = {}): ApolloLink {
  return new ApolloLink((operation, forward) => {
    if (shouldAuth && !shouldAuth(operation)) return forward(operation)
    return new Observable(observer => {
      let inner: { unsubscribe(): void } | undefined
      let isOver = false
      const end = (tell?: () => void) => {
        if (isOver) return
        isOver = true
        inner?.unsubscribe()
        unlisten()
        tell?.()
      }
      const fail = (error: unknown) => end(() => observer.error(error))
      const finish = () => end(() => observer.complete())
      const unlisten = session.onIdentity((_, before) => before && fail(new SessionError('ABORTED')))

      const send = async (refused: string | null, pass?: () => void): Promise<void> => {
        const token = await session.getAccessToken({ rejected: refused })
        if (isOver) return
        // There is no better token to try again with: what arrived is the answer.
        if (pass && (!token || token === refused)) return pass()
        let mayRetry = token && !pass
        const judge = (isRefused: boolean, pass: () => void) => {
          const isAgain = mayRetry && isRefused
          mayRetry = null
          if (!isAgain) return pass()
          inner?.unsubscribe()
          // What waited for the verdict has been unsubscribed from, and its end is not heard.
          send(token, () => {
            pass()
            finish()
          }).catch(fail)
        }
        operation.setContext((context: { headers?: Record<string, string> }) => ({
          headers: { ...context.headers, ...(token && { authorization: `Bearer ${token}` }) },
        }))
        inner = forward(operation).subscribe({
          next: result => judge(blamesToken((result as Result).errors), () => observer.next(result)),
          error: (error: unknown) => judge(isRefusal(error), () => fail(error)),
          complete: finish,
        })
      }
      send(null).catch(fail)
      return () => end()
    })
  })
}

/** What both majors' clients can do. */
export interface Cache {
  clearStore(): Promise<unknown>
  resetStore(): Promise<unknown>
}

export interface BindOptions {
  /** `clear`: forget everything (default). `reset`: forget, and fetch again what is on the page. */
  onSignedOut?: 'clear' | 'none' | 'reset'
}

/** Empties the client's cache whenever somebody signs out, or in as somebody else; answers how to stop. */
export const bindApollo = (
  session: Session,
  client: Cache,
  { onSignedOut = 'clear' }: BindOptions = {},
): (() => void) =>
  session.onIdentity((next, before) => {
    // Nobody was there before: there is nothing to forget.
    if (!before || (!next && onSignedOut === 'none')) return
    const isReset = next || onSignedOut === 'reset'
    void (isReset ? client.resetStore() : client.clearStore()).catch(() => {})
  })
