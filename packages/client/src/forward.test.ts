import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forwardSession, serverSession } from './server.ts'

const token = `e30.${btoa(JSON.stringify({ sub: 'ann', sid: 'ses_1' }))}.x`
const cookie = 'theme=dark; __Host-csrt=old; __Host-csfp=finger; __Host-cshint=ses_1.4'
const set = ['__Host-csrt=new=; Path=/; Secure; HttpOnly', '__Host-cshint=ses_1.5; Path=/; Secure']

function server(
  answer = () => Response.json({ jwt_token: token }, { headers: set.map(one => ['Set-Cookie', one]) }),
) {
  const asked: Request[] = []
  const missed: string[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    asked.push(new Request(input, init))
    return answer()
  }
  const options = { authUrl: 'https://auth.example/auth', fetch }
  const forward = forwardSession({ ...options, onMissed: text => missed.push(text) })
  return { asked, missed, forward, session: serverSession({ ...options, rotate: 'forward' }) }
}
const request = (headers: Record<string, string>) => new Request('https://app.example/notes', { headers })

test('refreshes once, and passes the new cookies on to the render and to the browser', async () => {
  const { asked, forward, session } = server()
  const forwarded = await forward(request({ cookie }))
  assert.equal(asked.length, 1)
  assert.equal(asked[0]?.url, 'https://auth.example/auth/refresh')
  assert.equal(asked[0]?.headers.get('x-countersign'), '1')
  assert.equal(asked[0]?.headers.get('cookie'), '__Host-csrt=old; __Host-csfp=finger; __Host-cshint=ses_1.4')
  assert.equal(
    forwarded.headers.get('cookie'),
    'theme=dark; __Host-csfp=finger; __Host-csrt=new=; __Host-cshint=ses_1.5',
  )
  const rendered = await session({ headers: forwarded.headers })
  assert.equal(rendered.status, 'signedIn')
  assert.equal(rendered.accessToken, token)
  assert.equal(asked.length, 1)
  const page = forwarded.apply(new Response('hello', { headers: { Vary: 'RSC' } }))
  assert.deepEqual(page.headers.getSetCookie(), set)
  assert.equal(page.headers.get('cache-control'), 'private, no-store')
  assert.equal(page.headers.get('vary'), 'RSC, Cookie')
})

test('prefetches and visitors cost nothing', async () => {
  const { asked, forward, session } = server()
  for (const prefetch of [
    { 'next-router-prefetch': '1' },
    { purpose: 'prefetch' },
    { 'sec-purpose': 'prefetch;prerender' },
  ]) {
    const { headers, apply } = await forward(request({ cookie, ...prefetch } as Record<string, string>))
    assert.equal((await session({ headers })).status, 'unknown')
    const page = apply(new Response())
    assert.deepEqual(page.headers.getSetCookie(), [])
    assert.equal(page.headers.get('cache-control'), 'private, no-store')
  }
  const { headers, apply } = await forward(request({ cookie: 'theme=dark' }))
  assert.equal((await session({ headers })).status, 'signedOut')
  assert.equal(apply(new Response()).headers.get('cache-control'), null)
  assert.equal(asked.length, 0)
})

test('a browser cannot say who it is', async () => {
  const { forward, session } = server(() => Response.json({}, { status: 503 }))
  const { headers } = await forward(request({ cookie, 'x-countersign-visitor': token }))
  assert.equal((await session({ headers })).status, 'unknown')
  // Nor where the proxy did not run: a token of another session than the cookies'.
  const planted = new Headers({ cookie: cookie.replace('ses_1', 'ses_2'), 'x-countersign-visitor': token })
  assert.equal((await session({ headers: planted })).status, 'unknown')
})

test('only a typed refusal is signed out', async () => {
  const error = { code: 'SESSION_ENDED', action: 'login', message: '' }
  const ended = server(() => Response.json({ error }, { status: 401 }))
  const { headers, apply } = await ended.forward(request({ cookie }))
  assert.equal((await ended.session({ headers })).status, 'signedOut')
  assert.deepEqual(apply(new Response()).headers.getSetCookie(), [])
  const portal = server(() => new Response('<h1>401</h1>', { status: 401 }))
  assert.equal((await portal.forward(request({ cookie }))).status, 'unknown')
})

test('a forgotten apply is noticed, and only that', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const { forward, missed } = server()
  await forward(request({ cookie }))
  const passed = await forward(request({ cookie }))
  passed.apply(new Response())
  context.mock.timers.tick(10_000)
  assert.deepEqual(missed, ['The new cookies for https://app.example/notes were not passed on: apply(page).'])
})
