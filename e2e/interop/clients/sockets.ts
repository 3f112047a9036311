/** The two protocols over WebSocket. What is told is a note that was added meanwhile. */
import { createClient } from 'graphql-ws'
import { SubscriptionClient } from 'subscriptions-transport-ws'
import type { Asking, Client } from '../client.ts'
import type { Login } from '../login.ts'
import { npm } from '../tool.ts'

const ADDED = 'subscription { noteAdded { text } }'

/** What a subscription has said, and whether it is over. */
class Told {
  opened = 0
  readonly #login: Login
  readonly #texts = new Set<unknown>()
  #over: unknown
  #wake = () => {}

  constructor(login: Login) {
    this.#login = login
  }

  next(result: { data?: unknown }): void {
    this.#texts.add((result.data as { noteAdded?: { text?: string } } | undefined)?.noteAdded?.text)
    this.#wake()
  }

  end(why: unknown): void {
    this.#over = why
    this.#wake()
  }

  asking(stop: () => unknown): Asking {
    return {
      // A note that is added before the subscription stands is not told, so another is.
      ask: async () => {
        for (let note = 0; ; note++) {
          if (this.#over) throw this.#over
          const text = `${this.opened} ${note}`
          await this.#login.addNote(text).catch(() => {})
          await new Promise<void>(done => {
            this.#wake = done
            setTimeout(done, 250)
          })
          if (this.#texts.has(text)) return
        }
      },
      opened: () => this.opened,
      stop,
    }
  }
}

/** The token for a new socket: a newer one, if the last is about to end. */
async function params(login: Login): Promise<object> {
  if (!login.isFresh) await login.renew()
  return { headers: { Authorization: login.authorization } }
}

export const graphqlWs: Client = {
  name: 'graphql-ws',
  version: () => npm('graphql-ws'),
  notes:
    'a socket lives as long as its token and is closed with 4403; the client opens another, with what `connectionParams` says then',
  async start(login) {
    const told = new Told(login)
    const client = createClient({
      url: login.api.replace('http', 'ws'),
      webSocketImpl: login.webSocket(),
      connectionParams: async () => ({ ...(await params(login)) }),
      retryWait: async () => {},
      on: { connected: () => void told.opened++ },
    })
    client.subscribe(
      { query: ADDED },
      { next: result => told.next(result), error: why => told.end(why), complete: () => told.end('over') },
    )
    return told.asking(() => client.dispose())
  },
}

export const subscriptionsTransportWs: Client = {
  name: 'subscriptions-transport-ws',
  version: () => npm('subscriptions-transport-ws'),
  notes:
    'the older protocol (`graphql-ws`). After a logout it would try again for ever, and is refused each time; its `close()` does nothing between two tries',
  async start(login) {
    const told = new Told(login)
    const options = { reconnect: true, connectionParams: () => params(login) }
    const client = new SubscriptionClient(login.api.replace('http', 'ws'), options, login.webSocket())
    let isLive = false
    const live = () => {
      told.opened++
      isLive = true
    }
    client.onConnected(live)
    client.onReconnected(live)
    client.onDisconnected(() => {
      // A socket that nobody was let in by. Its `close` does nothing while it waits to try again.
      if (!isLive) {
        told.end('refused')
        Object.assign(client, { reconnect: false })
      }
      isLive = false
    })
    client.request({ query: ADDED }).subscribe({
      next: result => told.next(result),
      error: why => told.end(why),
      complete: () => told.end('over'),
    })
    return told.asking(() => client.close())
  },
}
