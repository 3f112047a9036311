/** Somebody who subscribes with the npm package graphql-ws, as a page would. */
import { once } from 'node:events'
import { setTimeout as passing } from 'node:timers/promises'
import { type Client, createClient, type ClientOptions as StockOptions } from 'graphql-ws'
import { type ClientOptions, WebSocket } from 'ws'
import type { Visitor } from '../visitor.ts'

type Patience = Pick<StockOptions, 'retryAttempts' | 'shouldRetry'>

/** The stock client, on a socket that carries the visitor's cookies. */
export class Subscriber {
  /** How many sockets were opened and acknowledged. */
  opened = 0
  /** How often the server asked whether anybody is there. */
  pings = 0
  /** How each socket ended that is over, in order. */
  readonly closes: { code: number; reason: string }[] = []
  readonly #client: Client
  #socket: WebSocket | undefined

  /** `token` is asked for each socket that is opened. */
  constructor(url: string, visitor: Visitor, token: () => string | Promise<string>, patience: Patience = {}) {
    class WithCookies extends WebSocket {
      constructor(address: string, protocols: string | string[], options?: ClientOptions) {
        super(address, protocols, { ...options, headers: { cookie: visitor.cookie(), origin: visitor.url } })
      }
    }
    this.#client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WithCookies,
      connectionParams: async () => ({ headers: { Authorization: `Bearer ${await token()}` } }),
      retryWait: () => passing(10),
      ...patience,
    })
    this.#client.on('connected', socket => {
      this.opened += 1
      this.#socket = socket as WebSocket
    })
    this.#client.on('ping', isReceived => {
      if (isReceived) this.pings += 1
    })
    this.#client.on('closed', event => {
      const { code, reason } = event as { code: number; reason: string }
      this.closes.push({ code, reason })
    })
  }

  /** What a subscription answers, as it comes. It ends with the subscription. */
  async *subscribe<Answer>(query: string): AsyncGenerator<Answer> {
    for await (const { data, errors } of this.#client.iterate<Answer>({ query })) {
      if (!data) throw new Error(JSON.stringify(errors))
      yield data
    }
  }

  /** Shows a newer token on the socket that is open; whether it was taken. */
  async reauth(token: string): Promise<boolean> {
    const socket = this.#socket
    if (!socket) throw new Error('no socket is open')
    const payload = { type: 'reauth', authorization: `Bearer ${token}` }
    socket.send(JSON.stringify({ type: 'ping', payload }))
    for (;;) {
      const [data] = await once(socket, 'message')
      const message = JSON.parse(String(data))
      if (message.type === 'pong' && message.payload?.type === 'reauth') return message.payload.ok
    }
  }

  close(): Promise<void> {
    return Promise.resolve(this.#client.dispose())
  }
}
