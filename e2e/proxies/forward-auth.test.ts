/** nginx, HAProxy, Caddy and Traefik ask the gateway, by the very configurations of docs/proxies. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { Notes } from '../notes.ts'
import { freePort, Gateway, Program, until } from '../program.ts'
import { Subscriber } from '../sockets/subscriber.ts'
import { Stack } from '../stack.ts'
import { type Session, Visitor } from '../visitor.ts'
import { Counter, Echo, type Seen } from './echo.ts'

const counter = new Counter()
const proxies: Record<string, string> = {}
const running: Program[] = []
let stack: Stack
let asking: Gateway
let proxy: Gateway
let api: Echo
let notes: Notes
let beforeNotes: Gateway
let folder: string

before(async () => {
  // Tokens name the counter as their issuer, so everybody asks there.
  const listen = `127.0.0.1:${await freePort()}`
  counter.target = `http://${listen}`
  stack = await Stack.start({ issuer: await counter.listen(), listen })
  api = await Echo.start()
  asking = await Gateway.start(stack)
  proxy = await Gateway.start(stack, { upstream: `http://${api.address}` })
  notes = await Notes.start(stack)
  const subscriptions = { upstream: notes.url, origins: stack.url, 'pass-fingerprint-cookie': 'on' }
  beforeNotes = await Gateway.start(stack, subscriptions)
  folder = await mkdtemp(join(tmpdir(), 'countersign-proxies-'))
  proxies.gateway = proxy.url
  proxies.nginx = await start('nginx.conf', file => [
    'nginx',
    ['-p', folder, '-c', file, '-g', 'daemon off; pid nginx.pid; error_log stderr;'],
  ])
  proxies.haproxy = await start('haproxy.cfg', file => ['haproxy', ['-db', '-f', file]])
  proxies.caddy = await start('Caddyfile', file => [
    'caddy',
    ['run', '--config', file, '--adapter', 'caddyfile'],
  ])
  proxies.traefik = await start('traefik.yml', file => [
    resolve('.venv/bin/traefik'),
    [`--configFile=${file}`],
  ])
})

after(async () => {
  await Promise.all(running.map(program => program.stop()))
  await Promise.all([asking?.stop(), proxy?.stop(), beforeNotes?.stop(), notes?.stop()])
  api?.stop()
  await stack?.remove()
  counter.stop()
  if (folder) await rm(folder, { recursive: true })
})

/** Starts a proxy on the files of the documents, with the ports of this test. */
async function start(file: string, command: (file: string) => [string, string[]]): Promise<string> {
  const port = await freePort()
  for (const name of new Set([file, 'countersign.lua', 'traefik-routes.yml'])) {
    const text = await readFile(join('docs/proxies', name), 'utf8')
    const mine = text
      .replaceAll('127.0.0.1:4001', new URL(asking.url).host)
      .replaceAll('127.0.0.1:8080', api.address)
      .replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`)
    await writeFile(join(folder, name), mine)
  }
  const [program, words] = command(join(folder, file))
  // Where Caddy would keep what it keeps.
  const started = new Program(program, words, { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }, folder)
  running.push(started)
  await started.listens(port)
  return `http://127.0.0.1:${port}`
}

interface Answer {
  status: number
  headers: Headers
  text: string
}

async function ask(url: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  const response = await fetch(
    `${url}/notes?q=1`,
    body === undefined ? { headers } : { method: 'POST', headers, body },
  )
  return { status: response.status, headers: response.headers, text: await response.text() }
}

function known(visitor: Visitor, session: Session): Record<string, string> {
  const cookie = [...visitor.cookies, ['theme', 'dark']].map(pair => pair.join('=')).join('; ')
  return { authorization: `Bearer ${session.jwt_token}`, cookie }
}

/** What the API saw of headers whose names, read as a careless server reads them, begin like this. */
function saw(answer: Answer, start: string): Record<string, string> {
  const { headers } = JSON.parse(answer.text) as Seen
  const pairs = headers.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), headers[at + 1] ?? '']] : [],
  )
  return Object.fromEntries(pairs.filter(([name]) => name?.replaceAll('_', '-').startsWith(start)))
}

for (const name of ['nginx', 'haproxy', 'caddy', 'traefik', 'gateway']) {
  test(`${name}: the API is told who calls, and nothing that the client says of it`, async () => {
    const url = proxies[name] ?? ''
    const [visitor, session] = await Visitor.signedUp(stack.url)
    const headers = known(visitor, session)
    const lies = {
      'X-Hasura-User-Id': 'usr_other',
      'x-hasura-admin-secret': 'guess',
      'x-hasura-use-backend-only-permissions': 'true',
      'X-Countersign-Session': 'ses_other',
      x_hasura_role: 'admin',
      'X_HASURA-Admin_Secret': 'guess',
      x_countersign_session: 'ses_other',
    }
    const answer = await ask(url, { ...headers, ...lies })
    assert.equal(answer.status, 200, answer.text)
    const user = saw(answer, 'x-hasura-')
    assert.deepEqual(Object.keys(user).sort(), ['x-hasura-role', 'x-hasura-user-id'])
    assert.equal(user['x-hasura-role'], 'user')
    assert.match(user['x-hasura-user-id'] ?? '', /^usr_[0-9a-f]{32}$/)
    assert.deepEqual(saw(answer, 'x-countersign-'), { 'x-countersign-session': session.session.id })
    assert.doesNotMatch(JSON.stringify(saw(answer, 'cookie')), /csrt|csfp|cshint/)
    assert.deepEqual(answer.headers.getSetCookie(), [], 'no cookie of ours is planted')
  })

  test(`${name}: a body goes through`, async () => {
    const [visitor, session] = await Visitor.signedUp(stack.url)
    const headers = { ...known(visitor, session), 'content-type': 'application/json' }
    const answer = await ask(proxies[name] ?? '', headers, JSON.stringify({ text: 'x'.repeat(200_000) }))
    const seen = JSON.parse(answer.text) as Seen
    assert.equal(seen.method, 'POST')
    assert.equal(seen.url, '/notes?q=1')
    assert.equal(JSON.parse(seen.body).text.length, 200_000)
    assert.deepEqual(saw(answer, 'content-type'), { 'content-type': 'application/json' })
  })

  test(`${name}: who may not pass is told why, in the words of the contract`, async () => {
    const url = proxies[name] ?? ''
    const [visitor, session] = await Visitor.signedUp(stack.url)
    const headers = known(visitor, session)
    const code = (answer: Answer) => [answer.status, JSON.parse(answer.text).error.code]
    const nobody = await ask(url)
    assert.deepEqual(code(nobody), [401, 'NO_SESSION'])
    assert.equal(nobody.headers.get('www-authenticate'), 'Bearer')
    assert.match(nobody.headers.get('content-type') ?? '', /^application\/json/)
    const { authorization = '' } = headers
    const bare = await ask(url, { authorization })
    assert.deepEqual(code(bare), [401, 'FINGERPRINT_MISMATCH'])
    assert.equal(bare.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
    assert.deepEqual(code(await ask(url, { ...headers, 'x-hasura-role': 'admin' })), [403, 'FORBIDDEN'])
    const twice = { ...headers, cookie: `${headers.cookie}; __Host-csfp=planted` }
    assert.deepEqual(code(await ask(url, twice)), [400, 'BAD_REQUEST'])
  })
}

test('none of nginx, HAProxy, Caddy and Traefik opens a WebSocket, which would outlive its session', async () => {
  const [visitor, session] = await Visitor.signedUp(stack.url)
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  }
  for (const [name, status] of [
    ['nginx', 200],
    ['haproxy', 400],
    ['caddy', 400],
    ['traefik', 200],
  ] as const) {
    const asked = request(`${proxies[name]}/graphql`, { headers: { ...known(visitor, session), ...upgrade } })
    const [answer] = (await Promise.race([once(asked.end(), 'response'), once(asked, 'upgrade')])) as [
      IncomingMessage,
    ]
    assert.equal(answer.statusCode, status, name)
    const text = (await answer.setEncoding('utf8').toArray()).join('')
    assert.doesNotMatch(text, /websocket/i, 'the API has not heard of it')
  }
})

test('after one logout all of them refuse, open subscriptions end, and nobody has asked the auth server', async t => {
  const [visitor, session] = await Visitor.signedUp(stack.url)
  const headers = known(visitor, session)
  const urls = Object.values(proxies)
  for (const url of urls) assert.equal((await ask(url, headers)).status, 200)
  const token = session.jwt_token
  await notes.post('mutation { addNote(text: "mine") { id } }', token, visitor.cookie())
  const subscribers = [notes.url, beforeNotes.url].map(url => new Subscriber(url, visitor, () => token))
  const overs: Promise<unknown>[] = []
  for (const subscriber of subscribers) {
    const live = subscriber.subscribe('subscription { notes { text } }')
    assert.deepEqual((await live.next()).value, { notes: [{ text: 'mine' }] })
    // The stock client connects again a few times, and then says that it was refused.
    overs.push(assert.rejects(live.next(), { code: 4403 }))
  }
  const [asked, served] = [counter.asked.length, api.asked]

  await visitor.post('/auth/logout', {})
  const ended = performance.now()
  for (const url of urls) {
    await until(async () => (await ask(url, headers)).status === 401)
    t.diagnostic(`${url} refused ${Math.round(performance.now() - ended)} ms after the logout`)
    assert.equal(JSON.parse((await ask(url, headers)).text).error.code, 'SESSION_ENDED')
  }
  for (const subscriber of subscribers) {
    await until(async () => subscriber.closes.length > 0)
    t.diagnostic(
      `a subscription was closed at the latest ${Math.round(performance.now() - ended)} ms after the logout`,
    )
    assert.deepEqual(subscriber.closes[0], { code: 4403, reason: 'SESSION_ENDED' })
  }
  await Promise.all(overs)
  await assert.rejects(notes.post('{ notes { text } }', token, headers.cookie ?? ''), {
    code: 'SESSION_ENDED',
  })
  assert.deepEqual(counter.asked.slice(asked), ['POST /auth/logout'])
  t.diagnostic(`${api.asked - served} requests passed before the end was known`)
})

test('a gateway that is away lets nobody through', async () => {
  const [visitor, session] = await Visitor.signedUp(stack.url)
  const headers = known(visitor, session)
  await asking.stop()
  for (const name of ['nginx', 'haproxy', 'caddy']) {
    const answer = await ask(proxies[name] ?? '', headers)
    assert.equal(answer.status, 503, name)
    assert.equal(JSON.parse(answer.text).error.code, 'UNAVAILABLE')
    assert.equal(answer.headers.get('retry-after'), '1')
  }
  // Which has no words for it.
  assert.equal((await ask(proxies.traefik ?? '', headers)).status, 500)
})
