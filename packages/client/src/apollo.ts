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
      const end = () => {
        isOver = true
        inner?.unsubscribe()
        unlisten()
      }
      const fail = (error: unknown) => {
        if (isOver) return
        end()
        observer.error(error)
      }
      const unlisten = session.onIdentity((_, before) => before && fail(SessionError.of('ABORTED')))

      const send = async (refused: string | null) => {
        const token = await session.getAccessToken({ rejected: refused })
        if (isOver) return true
        if (refused && (!token || token === refused)) return false
        let isFirst = !!token && !refused
        // Hands on what arrived if there is no better token to try again with.
        const again = (pass: () => void) => {
          isFirst = false
          inner?.unsubscribe()
          send(token).then(isSent => isSent || isOver || pass(), fail)
        }
        operation.setContext((context: { headers?: Record<string, string> }) => ({
          headers: { ...context.headers, ...(token && { authorization: `Bearer ${token}` }) },
        }))
        inner = forward(operation).subscribe({
          next: result => {
            const pass = () => observer.next(result)
            if (isOver) return
            if (isFirst && blamesToken((result as Result).errors))
              again(() => {
                pass()
                finish()
              })
            else pass()
            isFirst = false
          },
          error: (error: unknown) => (isFirst && isRefusal(error) ? again(() => fail(error)) : fail(error)),
          complete: () => finish(),
        })
        return true
      }
      const finish = () => {
        if (isOver) return
        end()
        observer.complete()
      }
      send(null).catch(fail)
      return end
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
