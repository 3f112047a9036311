/** Before every page: the auth server on this origin, a strict Content-Security-Policy, and a token for forms. */
import { type NextRequest, NextResponse } from 'next/server'
import { formCookie, formHeader } from './lib/form-token'
import { authServer, notesApi } from './lib/settings'

export const config = { matcher: '/((?!_next/static|_next/image|icon.svg).*)' }

export function proxy(request: NextRequest): NextResponse {
  const { pathname, search } = request.nextUrl
  if (pathname.startsWith('/auth/')) return NextResponse.rewrite(new URL(pathname + search, authServer()))

  const policy = policyOf(btoa(crypto.randomUUID()))
  const headers = new Headers(request.headers)
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
  return response
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
