/** Serves the article's app, and passes what is the auth server's on to it, as a proxy before both would. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  request as ask,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type BuildOptions, buildSync } from 'esbuild'
import { type Flags, Stack } from '../stack.ts'

const here = import.meta.dirname
const limits = { 'login-account-limit': 'off', 'login-address-limit': 'off', 'signup-address-limit': 'off' }

/** Which code the page is made of: the article's, on either version of its refresh link; the corrected, also as it runs in development; the SDK's. */
export type Code = 'as-written' | 'as-written-0.7' | 'app' | 'app-development' | 'sdk'

const page = `<!doctype html><html data-endpoint="ENDPOINT" data-links="LINKS"><title>The article</title>
<link rel="icon" href="/icon.svg"><main></main><script type="module" src="/CODE.js"></script>`
const csp =
  "default-src 'self'; connect-src 'self' http://localhost:* ws://localhost:*; require-trusted-types-for 'script'"

const definitions = (environment: 'development' | 'production') => ({
  'process.env.NODE_ENV': `"${environment}"`,
  'process.env.NEXT_PUBLIC_HASURA_ENDPOINT': 'document.documentElement.dataset.endpoint',
  __DEV__: 'false',
})

/** One file, bundled. */
export function bundle(entry: string, options: BuildOptions = {}): string {
  const built = buildSync({
    absWorkingDir: here,
    stdin: { contents: entry, resolveDir: here, loader: 'tsx' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    // The application's, for the SDK too.
    alias: { 'next/router': './router.ts', '@apollo/client': join(here, 'node_modules/@apollo/client') },
    define: definitions('production'),
    write: false,
    logLevel: 'silent',
    ...options,
  })
  return built.outputFiles?.[0]?.text ?? ''
}

const read = (file: string) => readFileSync(join(here, file), 'utf8')
const written = (version: string) =>
  bundle(read('page.tsx').replaceAll("'./app/", "'./as-written/"), {
    alias: {
      'next/router': './router.ts',
      'apollo-link-token-refresh': `apollo-link-token-refresh${version}`,
      'jwt-decode': 'jwt-decode-3',
    },
  })
const builds: Record<Code, () => string> = {
  'as-written': () => written('-0.3'),
  'as-written-0.7': () => written(''),
  app: () => bundle(read('page.tsx')),
  'app-development': () => bundle(read('page.tsx'), { define: definitions('development') }),
  sdk: () => bundle(read('sdk.tsx')),
}

export class Site {
  readonly stack: Stack
  readonly url: string
  code: Code = 'app'
  /** Where the page's GraphQL endpoint is: here, or at the auth server, which is another origin. */
  endpoint = ''
  /** Of later sections of the article, that the page adds to the client as it is written. */
  links = ''
  readonly #server: Server
  readonly #scripts = new Map<string, string>()
  #ssr: Promise<typeof import('./app/ssr.ts')> | undefined

  private constructor(stack: Stack, server: Server, url: string) {
    this.stack = stack
    this.#server = server
    this.url = url
    this.reset()
  }

  static async start(flags: Flags): Promise<Site> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://localhost:${(server.address() as AddressInfo).port}`
    const site = new Site(await Stack.start({ ...limits, origins: url, ...flags }), server, url)
    server.on('request', (request, response) => {
      site.#serve(request, response).catch(error => response.destroy(error))
    })
    server.on('upgrade', (request, socket, head) => site.#upgrade(request, socket, head))
    return site
  }

  async remove(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await this.stack.remove()
  }

  reset(): void {
    Object.assign(this, { code: 'app', endpoint: `${this.url}/graphql`, links: '' })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', this.url).pathname
    if (path.startsWith('/auth/') || path === '/graphql') return this.#pass(request, response)
    if (path === '/icon.svg') return void response.writeHead(204).end()
    if (path.endsWith('.js')) {
      response.writeHead(200, { 'content-type': 'text/javascript' })
      return void response.end(this.#script(path.slice(1, -'.js'.length) as Code))
    }
    response.setHeader('content-type', 'text/html')
    response.setHeader('content-security-policy', csp)
    let initial = ''
    if (path === '/rendered') {
      const { serverSideProps } = await this.ssr()
      const { headers, initialApolloState } = await serverSideProps(this.stack.url, sent(request))
      response.setHeaders(headers)
      const text = JSON.stringify(initialApolloState).replaceAll('<', '\\u003c')
      initial = `<script type="application/json" id="initial">${text}</script>`
    }
    response.end(
      page
        .replace('ENDPOINT', this.endpoint)
        .replace('LINKS', this.links)
        .replace('<main>', () => `${initial}<main>`)
        .replace('CODE', this.code),
    )
  }

  #script(code: Code): string {
    const text = this.#scripts.get(code) ?? builds[code]()
    this.#scripts.set(code, text)
    return text
  }

  /** The rendering server's half of the app, with the endpoint that it uses. */
  ssr(): Promise<typeof import('./app/ssr.ts')> {
    this.#ssr ??= forServer("export * from './app/ssr'", `${this.stack.url}/graphql`)
    return this.#ssr
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const { method, headers } = request
    const ahead = ask(this.stack.url + request.url, { method, headers }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    ahead.on('error', error => response.destroy(error))
    request.pipe(ahead)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const ahead = connect(Number(new URL(this.stack.url).port), '127.0.0.1', () => {
      const lines = request.rawHeaders.map((text, at) => (at % 2 ? `${text}\r\n` : `${text}: `))
      ahead.write(`GET ${request.url} HTTP/1.1\r\n${lines.join('')}\r\n`)
      ahead.write(head)
      ahead.pipe(socket).pipe(ahead)
    })
    for (const [one, other] of [
      [socket, ahead],
      [ahead, socket],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  }
}

const sent = ({ headers }: IncomingMessage) =>
  new Headers(
    Object.entries(headers).flatMap(([name, value]) => (value ? [[name, String(value)] as const] : [])),
  )

/** Bundles code for Node, with what it needs, and loads it. */
export async function forServer<Module>(entry: string, endpoint: string): Promise<Module> {
  const text = bundle(entry, {
    platform: 'node',
    format: 'cjs',
    define: {
      'process.env.NODE_ENV': '"production"',
      'process.env.NEXT_PUBLIC_HASURA_ENDPOINT': JSON.stringify(endpoint),
      __DEV__: 'false',
    },
  })
  const module = { exports: {} as Module }
  new Function('module', 'exports', 'require', text)(module, module.exports, createRequire(import.meta.url))
  return module.exports
}
