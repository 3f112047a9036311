/** The article's way to render: the server refreshes before the page, and passes the new cookies on. */

import { type Asking, type Asks, ask, cookiesOf, headerOf, passedOn } from './asked.ts'

export interface ForwardOptions extends Asks {
  /** Says when `apply` was forgotten; by default on the console, unless `NODE_ENV` is `production`. */
  onMissed?: ((text: string) => void) | null
}

export interface Forwarded {
  readonly status: 'signedIn' | 'signedOut' | 'unknown'
  /** Of the request as the render is to see it: with the newest cookies, and who asks. */
  readonly headers: Headers
  /** Puts the new cookies on the page, and keeps caches away from it. Without it the browser keeps old ones. */
  apply<Page extends { readonly headers: Headers }>(page: Page): Page
}

/** How long after a refresh its cookies should be on a page. */
const patience = 2_000

/**
 * Refreshes for a page. Prefetches are left out, as nobody may ever look at what they answer: such a render knows
 * nobody, and the browser goes on. Next.js hides those of its router from `proxy.ts`: leave them out by its `matcher`.
 */
export function forwardSession(
  options: ForwardOptions,
): (request: Asking & { headers: Headers; url?: string }) => Promise<Forwarded> {
  const onMissed = options.onMissed === undefined ? inDevelopment() : options.onMissed
  return async request => {
    const headers = new Headers(request.headers)
    // Whatever the browser says of itself there.
    headers.delete(passedOn)
    const cookies = cookiesOf(request)
    const isKnown = cookies.length > 0
    const said =
      !isKnown || isPrefetch(request)
        ? ({ status: isKnown ? 'unknown' : 'signedOut' } as const)
        : await ask(options, 'refresh', { Cookie: cookies.join('; '), 'X-Countersign': '1' })
    const fresh = said.status === 'signedIn' ? said.headers.getSetCookie() : []
    if (said.status === 'signedIn') {
      headers.set('cookie', replaced(headerOf(request, 'cookie'), fresh))
      headers.set(passedOn, said.token)
    } else if (isKnown && said.status === 'signedOut') headers.set(passedOn, said.status)

    let isApplied = fresh.length === 0
    if (!isApplied && onMissed)
      setTimeout(() => {
        if (!isApplied)
          onMissed(`The new cookies for ${request.url ?? 'a page'} were not passed on: apply(page).`)
      }, patience)
    return {
      status: said.status,
      headers,
      apply: page => {
        isApplied = true
        for (const cookie of fresh) page.headers.append('Set-Cookie', cookie)
        if (isKnown) {
          page.headers.set('Cache-Control', 'private, no-store')
          page.headers.append('Vary', 'Cookie')
        }
        return page
      },
    }
  }
}

const isPrefetch = (request: Asking): boolean =>
  headerOf(request, 'next-router-prefetch') !== '' ||
  /prefetch/.test(headerOf(request, 'purpose') + headerOf(request, 'sec-purpose'))

/** The cookies of a request, as the browser will send them after these were set. */
function replaced(cookie: string, set: readonly string[]): string {
  const fresh = new Map(set.map(one => (one.split(';')[0] ?? '').split(/=(.*)/s) as [string, string]))
  const old = cookie.split(/; */).filter(pair => pair && !fresh.has(pair.split('=')[0] ?? ''))
  return [...old, ...[...fresh].map(pair => pair.join('='))].join('; ')
}

/** Where somebody sees it. */
function inDevelopment(): ForwardOptions['onMissed'] {
  const { process } = globalThis as { process?: { env?: Record<string, string> } }
  return process?.env?.NODE_ENV === 'production' ? null : text => console.error(text)
}
