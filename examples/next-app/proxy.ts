/** Before every page: the auth server on this origin, a strict Content-Security-Policy, and a token for forms. */
import { forwardSession } from '@countersign/client/server'
import { type NextRequest, NextResponse } from 'next/server'
import { formCookie, formHeader } from './lib/form-token'
import { authServer, isForwarding, notesApi, patience } from './lib/settings'

export const config = {
  matcher: [
    {
      source: '/((?!_next/static|_next/image|icon.svg).*)',
      // Nobody may ever look at what a prefetch answers.
      missing: [{ type: 'header', key: 'next-router-prefetch' }],
    },
  ],
}

/** Only if the app is to be rendered the article's way; otherwise pages mint, and nothing rotates for them. */
const forward = forwardSession({ authUrl: `${authServer()}/auth`, timeoutMs: patience() })

export async function proxy(request: NextRequest): Promise<NextResponse> {
  const { pathname, search } = request.nextUrl
  if (pathname.startsWith('/auth/')) return NextResponse.rewrite(new URL(pathname + search, authServer()))

  const policy = policyOf(btoa(crypto.randomUUID()))
  // Forms set cookies of their own.
  const forwarded = isForwarding() && !pathname.startsWith('/form/') ? await forward(request) : null
  const headers = forwarded?.headers ?? new Headers(request.headers)
  // Next.js reads the nonce out of it.
  headers.set('Content-Security-Policy', policy)
  const known = request.cookies.get(formCookie)?.value
  const token = known ?? crypto.randomUUID()
  headers.set(formHeader, token)
  const response = NextResponse.next({ request: { headers } })
  response.headers.set('Content-Security-Policy', policy)
  response.headers.set('Referrer-Policy', 'same-origin')
  response.headers.set('X-Content-Type-Options', 'nosniff')
  // Only where there are forms: visitors of other pages get no cookie.
  const hasForms =
    /^\/sign(in|up)$/.test(pathname) || /__(Host|Secure)-cshint=/.test(headers.get('cookie') ?? '')
  if (!known && hasForms)
    response.cookies.set(formCookie, token, { httpOnly: true, secure: true, sameSite: 'strict', path: '/' })
  return forwarded?.apply(response) ?? response
}

function policyOf(nonce: string): string {
  const api = notesApi()
  const isDevelopment = process.env.NODE_ENV === 'development'
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'${isDevelopment ? " 'unsafe-eval'" : ''}`,
    `style-src 'self'${isDevelopment ? " 'unsafe-inline'" : ''}`,
    "img-src 'self'",
    "font-src 'self'",
    `connect-src 'self' ${api} ${api.replace(/^http/, 'ws')}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}
