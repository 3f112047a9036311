/** `@countersign/client/next`: the session of a page that Next.js renders. */

import { type ServerOptions, type ServerSession, serverSession } from './server.ts'

export interface NextOptions extends ServerOptions {
  /** `headers` of `next/headers`. */
  headers: () => Promise<Headers> | Headers
  /** `cache` of `react`: all components of one page share one question. */
  cache: <F extends () => unknown>(run: F) => F
}

/** For the App Router: `export const currentSession = nextSession({ headers, cache, authUrl, serviceKey })` */
export function nextSession({ headers, cache, ...options }: NextOptions): () => Promise<ServerSession> {
  const ask = serverSession(options)
  return cache(async () => ask({ headers: await headers() }))
}
