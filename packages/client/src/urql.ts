/** `@countersign/client/urql`: what urql's `authExchange` wants to know. */

import type { authExchange } from '@urql/exchange-auth'
import type { Session } from './index.ts'
import { blamesToken } from './refused.ts'

type Init = Parameters<typeof authExchange>[0]
type Config = Awaited<ReturnType<Init>>
type Operation = Parameters<Config['addAuthToOperation']>[0]

/** `authExchange(sessionAuth(session))` */
export const sessionAuth =
  (session: Session): Init =>
  async ({ appendHeaders }) => {
    const shown = new WeakMap<object, string>()
    let refused: string | undefined
    return {
      addAuthToOperation: operation => {
        const token = session.peekAccessToken()
        if (!token) return operation
        const sent = appendHeaders(operation, { Authorization: `Bearer ${token}` })
        shown.set(sent.context, token)
        return sent
      },
      willAuthError: () => session.getSnapshot().status !== 'signedOut' && session.remainingMs() < 1_000,
      didAuthError: ({ response, graphQLErrors }, operation: Operation) => {
        if (response?.status !== 401 && !blamesToken(graphQLErrors)) return false
        refused = shown.get(operation.context)
        return true
      },
      // Without a new token the operation goes out as it is, and its own error says what is wrong.
      refreshAuth: async () => {
        await session.getAccessToken({ rejected: refused ?? null }).catch(() => null)
        refused = undefined
      },
    }
  }
