/** What forms send where no script runs: each is checked, and asked of the auth server or the API as JSON. */
import { timingSafeEqual } from 'node:crypto'
import { type ServerSession, serverSession } from '@countersign/client/server'
import { type NextRequest, NextResponse } from 'next/server'
import { formCookie } from '../../../lib/form-token'
import { codeIn } from '../../../lib/messages'
import { authServer, notesApi, serviceKey } from '../../../lib/settings'
import { wanted } from '../../../lib/wanted'

type Field = (name: string) => string

interface Form {
  /** The page that it is on. */
  page: (field: Field) => string
  run: (request: NextRequest, field: Field) => Promise<NextResponse>
}

const entrance = (field: Field, path: string) => `${path}?next=${encodeURIComponent(wanted(field('next')))}`

const forms: Record<string, Form> = {
  signin: {
    page: field => entrance(field, '/signin'),
    run: (request, field) =>
      enter(request, 'login', field, { username: field('username'), password: field('password') }),
  },
  signup: {
    page: field => entrance(field, '/signup'),
    run: (request, field) =>
      enter(request, 'signup', field, {
        email: field('username'),
        username: field('name') || undefined,
        password: field('password'),
      }),
  },
  signout: {
    page: field => (field('scope') ? '/devices' : '/signout'),
    run: async (request, field) => {
      const scope = field('scope')
      const answer =
        scope === 'all' || scope === 'others'
          ? await account(request, `logout/all?others=${scope === 'others'}`, { method: 'POST', ...json({}) })
          : await ask(request, 'logout', {})
      // Refused is who has no session any more.
      if (answer.status !== 401) await insist(answer)
      return go(scope === 'others' ? '/devices' : '/signin', answer)
    },
  },
  device: {
    page: () => '/devices',
    run: async (request, field) => {
      const { headers } = json({})
      const path = `sessions/${encodeURIComponent(field('id'))}`
      const answer = await account(request, path, { method: 'DELETE', headers })
      // Somebody else was faster.
      if (answer.status !== 404) await insist(answer)
      return go('/devices')
    },
  },
  note: {
    page: () => '/notes',
    run: async (request, field) => {
      const text = field('text').slice(0, 1000)
      const query = 'mutation($text: String!) { addNote(text: $text) { id } }'
      if (text) {
        const init = { method: 'POST', ...json({ query, variables: { text } }) }
        const answer = await (await known(request)).fetch(`${notesApi()}/graphql`, init)
        await insist(answer)
        if ((await answer.json()).errors) throw new Failed('FAILED')
      }
      return go('/notes')
    },
  },
}

/** Nothing was changed, or it is not known whether: the code of the reason. */
class Failed extends Error {
  readonly code: string

  constructor(code: unknown) {
    super()
    this.code = codeIn(code) ?? 'FAILED'
  }
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
    return await form.run(request, field)
  } catch (error) {
    const to = new URL(form.page(field), 'http://app')
    to.searchParams.set('error', error instanceof Failed ? error.code : 'UNAVAILABLE')
    return go(to.pathname + to.search)
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

async function enter(request: NextRequest, path: string, field: Field, credentials: object) {
  const answer = await ask(request, path, credentials)
  await insist(answer)
  return go(wanted(field('next')), answer)
}

/** That a server did what it was asked for. */
async function insist(answer: Response): Promise<void> {
  if (answer.ok) return
  const body = await answer.json().catch(() => ({ error: { code: 'UNAVAILABLE' } }))
  throw new Failed(body?.error?.code)
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

/** The visitor, as far as the auth server can say. */
async function known(request: NextRequest): Promise<ServerSession> {
  const session = await visitor(request)
  if (session.status === 'unknown') throw new Failed('UNAVAILABLE')
  return session
}

/** Asks for something of the visitor's account, by an access token. */
const account = async (request: NextRequest, path: string, init: RequestInit) =>
  (await known(request)).fetch(`${authServer()}/auth/${path}`, init)

/** On to a page, with the cookies of the auth server's answer. `303`: to be fetched, whatever was posted. */
function go(path: string, answer?: Response): NextResponse {
  const response = new NextResponse(null, {
    status: 303,
    headers: { Location: path, 'Cache-Control': 'private, no-store' },
  })
  for (const cookie of answer?.headers.getSetCookie() ?? []) response.headers.append('Set-Cookie', cookie)
  return response
}
