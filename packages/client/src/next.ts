/** `@countersign/client/next`: the session of a page that Next.js renders. */

import { type Asking, isPrivate, type ServerOptions, type ServerSession, serverSession } from './server.ts'

export interface NextOptions extends ServerOptions {
  /** `headers` of `next/headers`. */
  headers: () => Promise<Headers> | Headers
  /** `cache` of `react`: all components of one page share one question. */
  cache: <F extends () => unknown>(run: F) => F
}

/**
 * For the App Router: `export const getServerSession = nextSession({ headers, cache, authUrl, serviceKey })`.
 * Reading the headers makes a page one that no cache keeps: Next.js sends `private, no-store` with it.
 */
export function nextSession({ headers, cache, ...options }: NextOptions): () => Promise<ServerSession> {
  const ask = serverSession(options)
  return cache(async () => ask({ headers: await headers() }))
}

/** What `getServerSideProps` is given, as far as it matters here. */
export interface PagesContext {
  req: Asking & object
  res: { setHeader(name: string, value: string): unknown }
}

/** For the Pages Router: `export const getServerSideProps = withSession((context, session) => …)`, by `withSession = pagesSession(options)`. */
export function pagesSession(
  options: ServerOptions,
): <Context extends PagesContext, Result>(
  run: (context: Context, session: ServerSession) => Promise<Result>,
) => (context: Context) => Promise<Result> {
  const ask = serverSession(options)
  return run => async context => {
    const session = await ask(context.req)
    if (isPrivate(session)) {
      context.res.setHeader('Cache-Control', 'private, no-store')
      context.res.setHeader('Vary', 'Cookie')
    }
    return run(context, session)
  }
}
