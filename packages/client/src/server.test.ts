import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextSession, pagesSession } from './next.ts'
import { serverSession } from './server.ts'

const token = `e30.${btoa(JSON.stringify({ sub: 'ann', sid: 'ses_1' }))}.x`
const cookie = 'theme=dark; __Host-csrt=secret; __Host-csfp=finger; __Host-cshint=ses_1.4; other=x'

function server(answer: () => Response) {
  const asked: { url: string; headers: Headers }[] = []
  const fetch: typeof globalThis.fetch = async (url, init) => {
    asked.push({ url: String(url), headers: new Headers(init?.headers) })
    return answer()
  }
  const options = { authUrl: 'https://auth.example/auth', serviceKey: 'csk_1', fetch }
  return { asked, options, session: serverSession(options) }
}
const request = (cookie: string) => new Request('https://app.example/', { headers: { cookie } })
const refused = (code: string, action: string) => () =>
  Response.json({ error: { code, action, message: '' } }, { status: 401 })

test('asks once for each request, with its cookies and no others', async () => {
  const { asked, session } = server(() => Response.json({ jwt_token: token }))
  const page = request(cookie)
  const [one, two] = await Promise.all([session(page), session(page)])
  assert.equal(one, two)
  assert.equal(one.status, 'signedIn')
  assert.equal(one.accessToken, token)
  assert.equal(JSON.stringify(one.snapshot()).includes(token), false)
  assert.equal(asked.length, 1)
  assert.equal(asked[0]?.url, 'https://auth.example/auth/mint')
  assert.equal(
    asked[0]?.headers.get('cookie'),
    '__Host-csrt=secret; __Host-csfp=finger; __Host-cshint=ses_1.4',
  )
  assert.equal(asked[0]?.headers.get('authorization'), 'Bearer csk_1')
})

test('without the hint nobody is asked: signed out where no network was', async () => {
  const { asked, session } = server(() => Response.json({ jwt_token: token }))
  assert.equal((await session(request('__Host-csrt=secret; __Host-csfp=finger'))).status, 'signedOut')
  assert.equal(asked.length, 0)
})

test('only a typed refusal is signed out; everything else is unknown', async () => {
  const cases: [() => Response, string][] = [
    [refused('SESSION_ENDED', 'login'), 'signedOut'],
    [refused('REFRESH_TOKEN_STALE', 'refresh'), 'unknown'],
    [refused('TOKEN_INVALID', 'refresh'), 'unknown'],
    [() => new Response('<h1>503</h1>', { status: 503 }), 'unknown'],
    [() => new Response('<h1>hello</h1>'), 'unknown'],
    [
      () => {
        throw new TypeError('no network')
      },
      'unknown',
    ],
  ]
  for (const [answer, status] of cases)
    assert.equal((await server(answer).session(request(cookie))).status, status)
})

test('all components of a Next.js page share one question', async () => {
  const { asked, options } = server(() => Response.json({ jwt_token: token }))
  const cache = <F extends () => unknown>(run: F): F => {
    let answer: unknown
    return (() => (answer ??= run())) as F
  }
  const current = nextSession({ ...options, cache, headers: async () => new Headers({ cookie }) })
  const [one, two] = await Promise.all([current(), current()])
  assert.equal(one, two)
  assert.equal(asked.length, 1)
})

test('an API on the list is shown the token and the fingerprint, any other neither', async () => {
  const asked: Request[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    asked.push(request)
    return Response.json({ jwt_token: token })
  }
  const options = { authUrl: 'https://auth.example/auth', serviceKey: 'csk_1', fetch }
  const sessionOf = serverSession({ ...options, apiOrigins: ['https://api.example'] })
  const ann = await sessionOf(request(cookie))
  await ann.fetch('https://api.example/notes', { method: 'POST', body: '{}', headers: { 'X-Own': '1' } })
  await ann.fetch('https://api.example.evil/notes')
  const visitor = await sessionOf(request('theme=dark'))
  await visitor.fetch('https://api.example/notes')
  const [, api, other, anonymous] = asked
  assert.equal(api?.headers.get('authorization'), `Bearer ${token}`)
  assert.equal(api?.headers.get('cookie'), '__Host-csfp=finger')
  assert.equal(api?.headers.get('x-own'), '1')
  assert.equal(await api?.text(), '{}')
  assert.equal(api?.redirect, 'error')
  for (const request of [other, anonymous]) {
    assert.equal(request?.headers.get('authorization'), null)
    assert.equal(request?.headers.get('cookie'), null)
  }
  assert.equal(asked.length, 4)
})

test('the Pages Router gets the session, and a page of one that no cache keeps', async () => {
  const sent: [string, string][] = []
  const { options } = server(() => Response.json({ jwt_token: token }))
  const props = pagesSession(options)(async (_, session) => ({ props: { session: session.snapshot() } }))
  const res = { setHeader: (name: string, value: string) => sent.push([name, value]) }
  const ann = await props({ req: { headers: { cookie } }, res })
  assert.equal(ann.props.session.claims?.sub, 'ann')
  assert.deepEqual(sent, [
    ['Cache-Control', 'private, no-store'],
    ['Vary', 'Cookie'],
  ])
  sent.length = 0
  const visitor = await props({ req: { headers: {} }, res })
  assert.equal(visitor.props.session.status, 'signedOut')
  assert.deepEqual(sent, [])
})
