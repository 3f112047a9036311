import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authorizedFetch } from './fetch.ts'
import type { Session } from './index.ts'
import { run, scene } from './testing/scene.ts'

/** An API that refuses the first `refusals` requests, and what it was sent. */
async function api(refusals: number, refusal = () => new Response('', challenge)) {
  const { clock, server, open } = scene()
  const session = open()
  await run(clock, session.signIn({ username: 'ann' }))
  await clock.advance(60_000)
  const sent: { token: string | null; body: string }[] = []
  const fetch: typeof globalThis.fetch = async input => {
    const request = input as Request
    sent.push({ token: request.headers.get('Authorization'), body: await request.text() })
    return sent.length <= refusals ? refusal() : new Response('ok')
  }
  const send = authorizedFetch(session, { origins: ['https://api.example'], fetch })
  return { clock, server, session, sent, send }
}

const challenge = { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } }
const url = 'https://api.example/notes'
const bearer = (session: Session) => `Bearer ${session.peekAccessToken()}`

test('a refused token is renewed once, and the same bytes are sent again', async () => {
  const { clock, server, session, sent, send } = await api(1)
  const answer = await run(clock, send(url, { method: 'POST', body: 'ü' }))
  assert.equal(answer.status, 200)
  assert.deepEqual(
    sent.map(({ body }) => body),
    ['ü', 'ü'],
  )
  assert.notEqual(sent[0]?.token, sent[1]?.token)
  assert.equal(sent[1]?.token, bearer(session))
  assert.equal(server.count('refresh'), 1)
})

test('an API that refuses for ever gets two requests', async () => {
  const { clock, sent, send, session } = await api(9)
  assert.equal((await run(clock, send(url))).status, 401)
  assert.equal(sent.length, 2)
  assert.equal(session.getSnapshot().status, 'signedIn')
})

test('a 401 that does not blame the token costs no refresh', async () => {
  const { clock, server, sent, send } = await api(9, () => new Response('<h1>no</h1>', { status: 401 }))
  assert.equal((await run(clock, send(url))).status, 401)
  assert.equal(sent.length, 1)
  assert.equal(server.count('refresh'), 0)
})

test('a stream is sent once', async () => {
  const { clock, sent, send } = await api(9)
  const body = new Blob(['x']).stream()
  const answer = await run(clock, send(url, { method: 'POST', body, duplex: 'half' } as RequestInit))
  assert.equal(answer.status, 401)
  assert.equal(sent.length, 1)
})

test('other origins, and who shows something else, get no token', async () => {
  const { clock, sent, send } = await api(0)
  await run(clock, send('https://api.example.evil/notes'))
  await run(clock, send('http://api.example/notes'))
  await run(clock, send(url, { headers: { Authorization: 'Basic eA==' } }))
  assert.deepEqual(
    sent.map(({ token }) => token),
    [null, null, 'Basic eA=='],
  )
})
