/** An API in another language than the gateway's: it tells what it saw, and believes it. */
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Seen {
  method: string
  url: string
  /** Names and values one after the other, as they came. */
  headers: string[]
  body: string
}

export class Echo {
  readonly #server: Server
  asked = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<Echo> {
    const echo: Echo = new Echo(
      createServer(async (request, response) => {
        echo.asked++
        let body = ''
        for await (const piece of request.setEncoding('utf8')) body += piece
        const seen: Seen = {
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.rawHeaders,
          body,
        }
        response.setHeader('set-cookie', ['__Host-csfp=planted; Path=/; Secure', 'csrt=planted'])
        response.end(JSON.stringify(seen))
      }),
    )
    echo.#server.listen(0, '127.0.0.1')
    await once(echo.#server, 'listening')
    return echo
  }

  get address(): string {
    return address(this.#server)
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** Stands before an auth server, and counts what it is asked. */
export class Counter {
  readonly #server: Server
  target = ''
  readonly asked: string[] = []

  constructor() {
    this.#server = createServer((asked, answer) => {
      this.asked.push(`${asked.method} ${asked.url}`)
      const on = request(
        this.target + asked.url,
        { method: asked.method, headers: asked.headers },
        answered => {
          answer.writeHead(answered.statusCode ?? 502, answered.rawHeaders)
          answered.pipe(answer)
        },
      )
      on.on('error', () => answer.destroy())
      answer.on('close', () => on.destroy())
      asked.pipe(on)
    })
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://${address(this.#server)}`
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

function address(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
