/**
 * The application of the scenarios: a page with the SDK, an API, and the way to the real auth server, on which every
 * request is counted and can be delayed, lost or answered by somebody else.
 */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serverSession } from '@countersign/client/server'
import type { Page } from '@playwright/test'
import { buildSync } from 'esbuild'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { type Flags, Stack } from '../stack.ts'
import { GraphqlApi } from './graphql.ts'
import type {} from './pages/core.ts'

export interface Asked {
  path: string
  at: number
  status: number
  headers: Record<string, unknown>
  body: Buffer
}

/** What happens to requests for the auth server. */
export interface Weather {
  /** Waits before the server sees the request. */
  delay?: number
  /** Waits with the answer. */
  lag?: number
  /** The connection breaks before the server sees it. */
  drop?: boolean
  /** The connection breaks after the server acted: the answer is lost. */
  lose?: boolean
  /** Somebody else answers. */
  instead?: { status: number; type?: string; body?: string; headers?: Record<string, string> }
  /** Only these paths; all by default. */
  only?: string
}

const limits = {
  'login-account-limit': 'off',
  'login-address-limit': 'off',
  'signup-address-limit': 'off',
  'password-min': '8',
}

/** The pages of `pages/`, bundled with the package as it is published. */
const bundle = (entry: string, alias: Record<string, string> = {}): string =>
  buildSync({
    alias,
    entryPoints: [`${import.meta.dirname}/pages/${entry}.ts`],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    define: { 'process.env.NODE_ENV': '"development"', __DEV__: 'false' },
    logLevel: 'error',
  }).outputFiles[0]?.text ?? ''

export class App {
  readonly stack: Stack
  readonly url: string
  readonly asked: Asked[] = []
  weather: Weather = {}
  /** The API refuses the next so many requests, whatever they show. */
  refuseNext = 0
  /** Of every page. */
  csp = "default-src 'self'; require-trusted-types-for 'script'"
  /** How often the rendering server asked the auth server. */
  mints = 0
  #render: ReturnType<typeof serverSession> | undefined
  readonly #server: Server
  readonly #pages = new Map<string, string>()
  readonly graphql = new GraphqlApi(token => this.#verify(token))
  #keys: ReturnType<typeof createRemoteJWKSet> | undefined

  private constructor(stack: Stack, server: Server, url: string) {
    this.stack = stack
    this.#server = server
    this.url = url
  }

  static async start(flags: Flags = {}): Promise<App> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://localhost:${(server.address() as AddressInfo).port}`
    const stack = await Stack.start({ ...limits, origins: url, ...flags })
    const app = new App(stack, server, url)
    app.graphql.attach(server)
    server.on('request', (request, response) => {
      app.#serve(request, response).catch(error => response.destroy(error))
    })
    return app
  }

  get server(): Server {
    return this.#server
  }

  async remove(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await this.stack.remove()
  }

  /** How often the auth server was asked for it since `clear`. */
  count(path: string, status?: number): number {
    return this.asked.filter(one => one.path === path && (!status || one.status === status)).length
  }

  refreshes(): number {
    return this.count('/auth/refresh')
  }

  clear(): void {
    this.asked.length = 0
    this.weather = {}
    this.refuseNext = 0
    this.mints = 0
    this.graphql.reset()
  }

  /** Ends a page's session as its user does from another device's list. */
  async revoke(page: Page): Promise<number> {
    const bearer = await page.evaluate(() => window.session.getAccessToken())
    const sid = await page.evaluate(() => window.session.getSnapshot().sid)
    const cookies = await page.context().cookies()
    const answer = await fetch(`${this.stack.url}/auth/sessions/${sid}`, {
      method: 'DELETE',
      headers: {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; '),
      },
    })
    return answer.status
  }

  async #verify(token: string): Promise<{ sub?: string; sid?: unknown; exp?: number }> {
    this.#keys ??= createRemoteJWKSet(new URL('/.well-known/jwks.json', this.stack.url))
    return (await jwtVerify(token, this.#keys, { audience: 'api', clockTolerance: 0 })).payload
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', this.url).pathname
    const body = await read(request)
    const asked: Asked = { path, at: performance.now(), status: 0, headers: request.headers, body }
    if (path.startsWith('/auth/') || path.startsWith('/api')) this.asked.push(asked)
    response.on('close', () => {
      asked.status = response.writableEnded ? response.statusCode : 0
    })
    if (path.startsWith('/auth/')) await this.#forward(request, body, response)
    else if (path === '/api/graphql') await this.graphql.answer(request, response)
    else if (path.startsWith('/api')) await this.#api(request, body, response)
    else if (path === '/rendered') await this.#rendered(request, response)
    else this.#page(path, response)
  }

  /** A page that the server renders for who asks. */
  async #rendered(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#render) {
      const made = await this.stack.command(
        'keys',
        'service',
        'add',
        '--scope',
        'ssr',
        '--name',
        'app',
        '--json',
      )
      this.#render = serverSession({
        authUrl: `${this.stack.url}/auth`,
        serviceKey: JSON.parse(made).key,
        fetch: (input, init) => {
          this.mints++
          return fetch(input, init)
        },
      })
    }
    const session = await this.#render(request)
    const initial = JSON.stringify(session.snapshot()).replaceAll('<', '\\u003c')
    response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': this.csp })
    response.end(
      `<!doctype html><title>${session.status}</title><link rel="icon" href="/icon.svg"><main></main>
      <script type="application/json" id="initial">${initial}</script><script type="module" src="/core.js"></script>`,
    )
  }

  async #forward(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const { weather } = this
    const applies = !weather.only || request.url?.startsWith(weather.only)
    if (applies && weather.delay) await sleep(weather.delay)
    if (applies && weather.drop) return void response.destroy()
    if (applies && weather.instead) {
      const { status, type = 'text/html', body = '', headers } = weather.instead
      return void response.writeHead(status, { 'content-type': type, ...headers }).end(body)
    }
    const names = [
      'authorization',
      'content-type',
      'cookie',
      'origin',
      'sec-fetch-site',
      'user-agent',
      'x-countersign',
    ]
    const headers = Object.fromEntries(
      names.flatMap(name => (request.headers[name] ? [[name, String(request.headers[name])]] : [])),
    )
    const { method = 'GET' } = request
    const sent = method === 'GET' || method === 'HEAD' ? {} : { body: new Uint8Array(body) }
    const answer = await fetch(this.stack.url + request.url, { method, headers, ...sent })
    const text = await answer.text()
    if (applies && weather.lag) await sleep(weather.lag)
    if (applies && weather.lose) return void response.destroy()
    for (const [name, value] of answer.headers) if (!hopByHop.has(name)) response.setHeader(name, value)
    response.setHeader('set-cookie', answer.headers.getSetCookie())
    response.writeHead(answer.status).end(text)
  }

  /** An API that verifies as any resource server does, and says what it got. */
  async #api(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const refuse = (code: string) =>
      response
        .writeHead(401, {
          'content-type': 'application/json',
          'www-authenticate': 'Bearer error="invalid_token"',
        })
        .end(JSON.stringify({ error: { code, message: code, action: 'refresh' } }))
    try {
      const [, token = ''] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? []
      const payload = await this.#verify(token)
      if (this.refuseNext-- > 0) return void refuse('CLAIMS_STALE')
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ sub: payload.sub, sid: payload.sid, length: body.length }))
    } catch {
      refuse('TOKEN_EXPIRED')
    }
  }

  #page(path: string, response: ServerResponse): void {
    const script = /^\/(\w+)\.js$/.exec(path)?.[1]
    if (script) {
      let text = this.#pages.get(script)
      if (text === undefined) {
        // One source for both: `apollo3` is the page `apollo` with the major before.
        const isOld = script === 'apollo3'
        text = isOld ? bundle('apollo', { '@apollo/client': 'apollo-client-3' }) : bundle(script)
        this.#pages.set(script, text)
      }
      response.writeHead(200, { 'content-type': 'text/javascript', 'cache-control': 'max-age=60' }).end(text)
      return
    }
    if (path === '/icon.svg') return void response.writeHead(204).end()
    const name = /^\/(\w+)$/.exec(path)?.[1] ?? 'core'
    response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': this.csp })
    const icon = '<link rel="icon" href="/icon.svg">'
    response.end(
      `<!doctype html><title>${name}</title>${icon}<main></main><script type="module" src="/${name}.js"></script>`,
    )
  }
}

const hopByHop = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'keep-alive',
  'set-cookie',
  'transfer-encoding',
])
const sleep = (ms: number) => new Promise(done => setTimeout(done, ms))

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
