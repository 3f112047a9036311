/** The way from the app to the auth server, on which everything is counted and can be made slow. */
import { once } from 'node:events'
import {
  request as ask,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Passed {
  readonly path: string
  status: number
}

export class Road {
  /** The auth server. */
  target = ''
  /** Before the auth server hears of a request to this path. */
  delay: { path: string; ms: number } | undefined
  /** Requests to this path are answered with this status, or not at all; the auth server hears of none. */
  fault: { path: string; status?: number } | undefined
  readonly passed: Passed[] = []
  readonly #server: Server = createServer((request, response) => void this.#pass(request, response))

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  count(path: string): number {
    return this.passed.filter(one => one.path === path).length
  }

  clear(): void {
    this.passed.length = 0
    this.delay = undefined
    this.fault = undefined
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://road').pathname
    const passed: Passed = { path, status: 0 }
    this.passed.push(passed)
    const { delay, fault } = this
    if (fault && path === fault.path) {
      if (!fault.status) return void response.destroy()
      response.writeHead(fault.status).end()
      return
    }
    if (delay && path === delay.path) await new Promise(done => setTimeout(done, delay.ms))
    const { method, headers } = request
    const onward = ask(this.target + request.url, { method: method ?? 'GET', headers }, answer => {
      passed.status = answer.statusCode ?? 0
      response.writeHead(passed.status, answer.rawHeaders)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  }
}
