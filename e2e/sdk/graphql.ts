/** A GraphQL API over HTTP and WebSocket for the scenarios, which checks tokens as a resource server does. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { buildSchema, parse, subscribe, validate } from 'graphql'
import { makeServer } from 'graphql-ws'
import { WebSocketServer } from 'ws'

export type Verify = (token: string) => Promise<{ sub?: string; exp?: number }>

export class GraphqlApi {
  /** What the socket server knows: re-authentication in-band, or only plain pongs. */
  isInBand = true
  /** How it closes an expired connection. */
  expired: [number, string] = [4403, 'TOKEN_EXPIRED']
  /** How long after a token's end. */
  graceMs = 0
  /** Refuses by HTTP status or, as many servers do, by 200 and a code. */
  refusal: 'code' | 'status' = 'status'
  refuseNext = 0
  /** Waits with answers over HTTP. */
  delay = 0
  opened = 0
  subscribed = 0
  inits: unknown[] = []
  #open = new Set<{ close(code: number, reason: string): void }>()
  readonly #verify: Verify

  constructor(verify: Verify) {
    this.#verify = verify
  }

  get open(): number {
    return this.#open.size
  }

  reset(): void {
    Object.assign(this, { isInBand: true, expired: [4403, 'TOKEN_EXPIRED'], graceMs: 0, refusal: 'status' })
    Object.assign(this, { refuseNext: 0, delay: 0, opened: 0, subscribed: 0, inits: [] })
  }

  closeAll(code: number, reason: string): void {
    for (const socket of this.#open) socket.close(code, reason)
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<number> {
    const say = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      return status
    }
    try {
      const { sub } = await this.#verify(bearer(request.headers.authorization))
      if (this.delay) await new Promise(done => setTimeout(done, this.delay))
      if (this.refuseNext-- > 0) throw new Error('refused')
      return say(200, { data: { me: { __typename: 'User', id: sub } } })
    } catch {
      const errors = [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }]
      return this.refusal === 'code' ? say(200, { errors }) : say(401, { errors })
    }
  }

  /** Takes the upgrades of `/ws`. */
  attach(server: Server): void {
    const schema = buildSchema('type Query { _: Int } type Subscription { tick: Float }')
    const sockets = new WebSocketServer({ server, path: '/ws' })
    const graphql = makeServer<{ authorization?: string }, { arm: (token: string) => Promise<boolean> }>({
      connectionInitWaitTimeout: 3_000,
      onConnect: async ({ extra, connectionParams }) => {
        this.inits.push(connectionParams)
        return extra.arm(bearer(connectionParams?.authorization))
      },
      onSubscribe: (_, _id, { query }) => {
        this.subscribed++
        const document = parse(query)
        const errors = validate(schema, document)
        return errors.length ? errors : { schema, document, rootValue: { tick: () => ticks() } }
      },
      subscribe,
    })
    sockets.on('connection', socket => {
      this.opened++
      this.#open.add(socket)
      let timer: NodeJS.Timeout | undefined
      const arm = async (token: string): Promise<boolean> => {
        try {
          const { exp = 0 } = await this.#verify(token)
          clearTimeout(timer)
          const [code, reason] = this.expired
          timer = setTimeout(() => socket.close(code, reason), exp * 1000 - Date.now() + this.graceMs)
          return true
        } catch {
          return false
        }
      }
      const closed = graphql.opened(
        {
          protocol: socket.protocol,
          // What is sent to a socket that has just closed is nobody's.
          send: text => socket.send(text, () => {}),
          close: (code, reason) => socket.close(code, reason),
          onMessage: hear =>
            socket.on('message', async data => {
              const message = JSON.parse(String(data))
              if (this.isInBand && message.type === 'ping' && message.payload?.type === 'reauth') {
                const ok = await arm(bearer(message.payload.authorization))
                socket.send(JSON.stringify({ type: 'pong', payload: { type: 'reauth', ok } }))
              } else await hear(String(data))
            }),
        },
        { arm },
      )
      socket.on('close', (code, reason) => {
        clearTimeout(timer)
        this.#open.delete(socket)
        void closed(code, String(reason))
      })
    })
  }
}

const bearer = (authorization: unknown): string => String(authorization ?? '').replace(/^Bearer /, '')

/** One number after another, from one source for all: a gap is seen as one. */
async function* ticks(): AsyncGenerator<{ tick: number }> {
  for (let tick = Math.floor(Date.now() / 50); ; tick++) {
    const wait = (tick + 1) * 50 - Date.now()
    if (wait > 0) await new Promise(done => setTimeout(done, wait))
    yield { tick }
  }
}
