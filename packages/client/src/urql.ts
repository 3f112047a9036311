/** `@countersign/client/urql`: what urql's `authExchange` wants to know. */

import type { authExchange } from '@urql/exchange-auth'
import type { Session } from './index.ts'
import { blamesToken } from './refused.ts'

type Init = Parameters<typeof authExchange>[0]

interface Shown {
  fetchOptions?: { headers?: { Authorization?: string } }
}

/** `authExchange(sessionAuth(session))` */
export const sessionAuth =
  ({ getAccessToken, peekAccessToken }: Session): Init =>
  async ({ appendHeaders }) => {
    let rejected: string | undefined
    return {
      addAuthToOperation: operation => {
        const token = peekAccessToken()
        return token ? appendHeaders(operation, { Authorization: `Bearer ${token}` }) : operation
      },
      // Signed out, too: that costs no request.
      willAuthError: () => !peekAccessToken(),
      didAuthError: ({ response, graphQLErrors }, { context }) => {
        // As `addAuthToOperation` has left it.
        rejected = (context as Shown).fetchOptions?.headers?.Authorization?.slice(7)
        return response?.status === 401 || blamesToken(graphQLErrors)
      },
      // Without a new token the operation goes out as it is, and its own error says what is wrong.
      refreshAuth: () =>
        getAccessToken({ rejected }).then(
          () => {},
          () => {},
        ),
    }
  }
