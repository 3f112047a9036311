/** What forms send where no script runs: each is checked, and asked of the auth server or the API as JSON. */
import { timingSafeEqual } from 'node:crypto'
import { serverSession } from '@countersign/client/server'
import { type NextRequest, NextResponse } from 'next/server'
import { formCookie } from '../../../lib/form-token'
import { authServer, notesApi, serviceKey } from '../../../lib/settings'
import { wanted } from '../../../lib/wanted'

type Form = (request: NextRequest, field: (name: string) => string) => Promise<NextResponse>

const forms: Record<string, Form> = {
  signin: (request, field) =>
    enter(request, 'login', field, { username: field('username'), password: field('password') }),
  signup: (request, field) =>
    enter(request, 'signup', field, {
      email: field('username'),
      username: field('name') || undefined,
      password: field('password'),
    }),
  signout: async (request, field) => {
    const scope = field('scope')
    const answer =
      scope === 'all' || scope === 'others'
        ? await account(request)(`logout/all?others=${scope === 'others'}`, { method: 'POST', ...json({}) })
        : await ask(request, 'logout', {})
    return go(scope === 'others' ? '/devices' : '/signin', answer)
  },
  device: async (request, field) => {
    const { headers } = json({})
    await account(request)(`sessions/${encodeURIComponent(field('id'))}`, { method: 'DELETE', headers })
    return go('/devices')
  },
  note: async (request, field) => {
    const text = field('text').slice(0, 1000)
    const query = 'mutation($text: String!) { addNote(text: $text) { id } }'
    if (text)
      await visitor(request).then(({ fetch }) =>
        fetch(`${notesApi()}/graphql`, { method: 'POST', ...json({ query, variables: { text } }) }),
      )
    return go('/notes')
  },
}

export async function POST(request: NextRequest, { params }: { params: Promise<{ what: string }> }) {
  const { what } = await params
  const form = Object.hasOwn(forms, what) ? forms[what] : undefined
  if (!form) return new NextResponse(null, { status: 404 })
  const fields = await request.formData().catch(() => null)
  const field = (name: string) => String(fields?.get(name) ?? '')
  if (!isOurs(request, field('token')))
    return new NextResponse('This form was not sent by a page of ours.', { status: 403 })
  try {
    return await form(request, field)
  } catch {
    return go(what === 'signin' || what === 'signup' ? `/${what}?error=UNAVAILABLE` : '/notes')
  }
}

/** Sent by a page of this origin, which knows what the cookie holds. */
function isOurs(request: NextRequest, token: string): boolean {
  const origin = request.headers.get('origin')
  const host = request.headers.get('x-forwarded-host') ?? request.headers.get('host')
  if (!origin || !URL.canParse(origin) || new URL(origin).host !== host) return false
  const known = request.cookies.get(formCookie)?.value ?? ''
  const [a, b] = [Buffer.from(known), Buffer.from(token)]
  return a.length > 0 && a.length === b.length && timingSafeEqual(a, b)
}

async function enter(
  request: NextRequest,
  path: string,
  field: (name: string) => string,
  credentials: object,
) {
  const next = wanted(field('next'))
  const answer = await ask(request, path, credentials)
  if (answer.ok) return go(next, answer)
  const body = await answer.json().catch(() => null)
  const query = new URLSearchParams({ next, error: body?.error?.code ?? 'UNAVAILABLE' })
  return go(`/sign${path === 'login' ? 'in' : 'up'}?${query}`)
}

const json = (body: object) => ({
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
})

/** Asks the auth server as the visitor, by the visitor's cookies. */
function ask(request: NextRequest, path: string, body: object): Promise<Response> {
  const headers = new Headers({ 'Content-Type': 'application/json', 'X-Countersign': '1' })
  const theirs = request.cookies.getAll().filter(({ name }) => /^__(Host|Secure)-cs/.test(name))
  headers.set('cookie', theirs.map(({ name, value }) => `${name}=${value}`).join('; '))
  for (const name of ['user-agent', 'x-forwarded-for']) {
    const value = request.headers.get(name)
    if (value) headers.set(name, value)
  }
  const init = { method: 'POST', headers, body: JSON.stringify(body), redirect: 'error' } as const
  return fetch(`${authServer()}/auth/${path}`, { ...init, signal: AbortSignal.timeout(8_000) })
}

const visitor = serverSession({
  authUrl: `${authServer()}/auth`,
  serviceKey: serviceKey(),
  apiOrigins: [authServer(), notesApi()],
})

/** Asks for something of the visitor's account, by an access token. */
const account = (request: NextRequest) => async (path: string, init: RequestInit) =>
  (await visitor(request)).fetch(`${authServer()}/auth/${path}`, init)

/** On to a page, with the cookies of the auth server's answer. `303`: to be fetched, whatever was posted. */
function go(path: string, answer?: Response): NextResponse {
  const response = new NextResponse(null, {
    status: 303,
    headers: { Location: path, 'Cache-Control': 'private, no-store' },
  })
  for (const cookie of answer?.headers.getSetCookie() ?? []) response.headers.append('Set-Cookie', cookie)
  return response
}
