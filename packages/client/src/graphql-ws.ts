/** `@countersign/client/graphql-ws`: options for `createClient` by which a socket lives as long as its session. */

import type { ClientOptions } from 'graphql-ws'
import type { Session } from './index.ts'

export interface SocketOptions {
  /** `auto` tries in-band first; `reconnect` is for servers that refuse to be pinged. */
  reauth?: 'auto' | 'reconnect'
  /** How long an answer to an in-band re-authentication may take. */
  ackTimeoutMs?: number
  /** The payload of `connection_init`; `{ authorization: 'Bearer …' }` by default. */
  params?: (token: string) => Record<string, unknown>
}

export type SessionSocket = Required<
  Pick<ClientOptions, 'connectionParams' | 'on' | 'retryAttempts' | 'retryWait' | 'shouldRetry' | 'url'>
> & {
  /** Stops listening to the session. */
  dispose(): void
}

/** Of the old token, when a server that knows no re-authentication in-band is left and joined again. */
const lead = 30_000
const [normal, forbidden] = [1000, 4403] as const

export function sessionSocket(
  session: Session,
  url: string | (() => string | Promise<string>),
  options: SocketOptions = {},
): SessionSocket {
  const {
    reauth = 'auto',
    ackTimeoutMs = 2_000,
    params = token => ({ authorization: bearer(token) }),
  } = options
  let isInBand = reauth === 'auto'
  let socket: WebSocket | undefined
  let shown: string | null = null
  let sid: string | null = null
  let ends = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let release: (() => void) | undefined
  let verdict: Promise<unknown> | undefined

  const isSignedOut = () => session.getSnapshot().status === 'signedOut'
  const show = (token: string | null) => {
    shown = token
    sid = session.getSnapshot().sid
    ends = performance.now() + session.remainingMs()
  }
  const later = (run: () => void, ms: number) => {
    clearTimeout(timer)
    timer = setTimeout(run, ms)
  }
  // Subscriptions begin again by themselves after a normal close, with the new token.
  const reconnect = () => socket?.close(normal, 'reauth')
  const reconnectInTime = () => later(reconnect, Math.max(0, ends - performance.now() - lead))

  const unlisten = session.onToken(token => {
    if (!socket) return
    if (!token && isSignedOut()) return socket.close(forbidden)
    if (!token || token === shown) return
    if (session.getSnapshot().sid !== sid || !shown) return reconnect()
    if (!isInBand) return reconnectInTime()
    const payload = { type: 'reauth', authorization: bearer(token) }
    socket.send(JSON.stringify({ type: 'ping', payload }))
    later(() => {
      isInBand = false
      reconnectInTime()
    }, ackTimeoutMs)
  })

  return {
    url: async () => {
      // Before the socket opens: a server waits only so long for `connection_init`.
      await verdict
      await session.getAccessToken({ minValidityMs: 15_000 }).catch(() => null)
      return typeof url === 'function' ? url() : url
    },
    connectionParams: () => {
      show(session.peekAccessToken())
      return shown ? params(shown) : {}
    },
    retryAttempts: Infinity,
    retryWait: retries => {
      const wait = Math.random() * Math.min(30_000, 500 * 2 ** retries)
      return new Promise(done => setTimeout(done, wait))
    },
    shouldRetry: () => !isSignedOut(),
    on: {
      opened: opened => {
        socket = opened as WebSocket
        const { onclose } = socket
        // A stock client gives up for good on 4401, which many servers say of an expired token.
        socket.onclose = event =>
          onclose?.call(
            opened as WebSocket,
            event.code === 4401 ? ({ code: forbidden, reason: event.reason } as CloseEvent) : event,
          )
        release ??= session.hold()
        // The refresh said that the session ended: whoever subscribes is told so, and nothing is sent.
        if (verdict && isSignedOut()) socket.close(forbidden)
      },
      connected: () => {
        // It changed while the server took its time.
        if (session.peekAccessToken() !== shown && !isSignedOut()) reconnect()
      },
      pong: (_, payload) => {
        if (payload?.type !== 'reauth') return
        clearTimeout(timer)
        if (payload.ok) show(session.peekAccessToken())
        else reconnectInTime()
      },
      closed: event => {
        clearTimeout(timer)
        socket = undefined
        release?.()
        release = undefined
        // A server that ends the connection may know what we do not: one refresh finds out.
        verdict =
          (event as CloseEvent).code === forbidden
            ? session.getAccessToken({ rejected: shown }).catch(() => null)
            : undefined
      },
    },
    dispose: () => {
      unlisten()
      clearTimeout(timer)
      release?.()
    },
  }
}

const bearer = (token: string): string => `Bearer ${token}`
