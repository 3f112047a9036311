import assert from 'node:assert/strict'
import { test } from 'node:test'
import { returning, run } from './testing/scene.ts'

test('a reload costs one refresh', async () => {
  const { clock, server, open } = await returning()
  const [session] = open()
  assert.equal(session.getSnapshot().status, 'pending')
  const { status, claims } = await run(clock, session.start())
  assert.equal(status, 'signedIn')
  assert.equal(claims?.sub, 'ann')
  assert.equal(server.count('refresh'), 1)
})

test('fifty who ask share one refresh', async () => {
  const { clock, server, open } = await returning()
  const [session] = open()
  await run(clock, session.start())
  clock.skip(901_000)
  const tokens = await run(clock, Promise.all(Array.from({ length: 50 }, () => session.getAccessToken())))
  assert.equal(new Set(tokens).size, 1)
  assert.equal(server.count('refresh'), 2)
})

test('renews by itself in a visible tab, and not in a hidden one', async () => {
  const { clock, server, open } = await returning()
  const [session, tab] = open()
  await run(clock, session.start())
  await clock.advance(900_000)
  assert.equal(server.count('refresh'), 2)
  tab.visible = false
  tab.happen('hidden')
  await clock.advance(3_000_000)
  assert.equal(server.count('refresh'), 2)
  const release = session.hold()
  await clock.advance(900_000)
  assert(server.count('refresh') >= 3)
  release()
})

test('eight tabs that wake together refresh once', async () => {
  const { clock, server, open } = await returning()
  const tabs = Array.from({ length: 8 }, () => open())
  for (const [session] of tabs) await run(clock, session.start())
  server.delay = 100
  for (let round = 0; round < 25; round++) {
    const before = server.count('refresh')
    clock.skip(901_000)
    for (const [, tab] of tabs) tab.happen('shown')
    const tokens = await run(clock, Promise.all(tabs.map(([session]) => session.getAccessToken())))
    assert.equal(server.count('refresh') - before, 1, `round ${round}`)
    assert.equal(new Set(tokens).size, 1)
  }
})

test('nothing but a typed refusal of the refresh signs out', async () => {
  const html = () =>
    new Response('<h1>Pay here</h1>', { status: 401, headers: { 'Content-Type': 'text/html' } })
  const faults: [string, () => Response][] = [
    [
      'no network',
      () => {
        throw new TypeError('no network')
      },
    ],
    ['a captive portal', html],
    ['a portal that says 200', () => new Response('<h1>Pay here</h1>')],
    ['503', () => new Response('', { status: 503 })],
    ['JSON of another shape', () => Response.json({ error: 'invalid_grant' }, { status: 401 })],
    ['JSON of a gateway', () => Response.json({ error: { code: 401 } }, { status: 401 })],
    [
      'a token that is none',
      () => Response.json({ jwt_token: 'x', expires_in: 9, server_time: 1, session: { id: 'a', depth: 1 } }),
    ],
    ['null', () => Response.json(null)],
    ['409', () => Response.json({ error: { code: 'BUSY', action: 'retry', message: '' } }, { status: 409 })],
    [
      'CSRF',
      () => Response.json({ error: { code: 'CSRF_REJECTED', action: 'fix', message: '' } }, { status: 403 }),
    ],
  ]
  for (const [name, fault] of faults) {
    const { clock, server, open } = await returning()
    const [session] = open()
    await run(clock, session.start())
    server.instead = fault
    clock.skip(901_000)
    const asked = session.getAccessToken()
    const refused = assert.rejects(asked, { name: 'SessionError' }, name)
    await run(clock, refused)
    assert.equal(session.getSnapshot().status, 'signedIn', name)
    assert.equal(session.getSnapshot().degraded, true, name)
    server.instead = undefined
    await clock.advance(90_000)
    assert(session.peekAccessToken(), name)
    assert.equal(session.getSnapshot().degraded, false, name)
  }
})

test('an API that refuses every token causes one refresh', async () => {
  const { clock, server, open } = await returning()
  const [session] = open()
  await run(clock, session.start())
  await clock.advance(60_000)
  const before = server.count('refresh')
  for (let i = 0; i < 20; i++)
    await run(clock, session.getAccessToken({ rejected: session.peekAccessToken() }))
  assert.equal(server.count('refresh') - before, 1)
})

test('all tabs wait as long as the server asks', async () => {
  const { clock, server, open } = await returning()
  const [[one], [two]] = [open(), open()]
  await run(clock, one.start())
  await run(clock, two.start())
  server.instead = () =>
    Response.json(
      { error: { code: 'RATE_LIMITED', action: 'retry', message: '' } },
      { status: 429, headers: { 'Retry-After': '30' } },
    )
  clock.skip(901_000)
  await run(clock, assert.rejects(one.getAccessToken(), { code: 'RATE_LIMITED' }))
  const before = server.count('refresh')
  const refused = assert.rejects(two.getAccessToken())
  await clock.advance(29_000)
  await run(clock, refused)
  assert.equal(server.count('refresh'), before)
  server.instead = undefined
  await clock.advance(2_000)
  assert(one.peekAccessToken())
  assert(two.peekAccessToken())
})

test('without a network a caller gets an error in time, and what to do', async () => {
  const { clock, server, open } = await returning()
  const [session] = open()
  server.instead = () => {
    throw new TypeError('no network')
  }
  void session.start()
  await run(clock, assert.rejects(session.getAccessToken(), { code: 'OFFLINE', action: 'retry' }))
  assert.equal(session.getSnapshot().status, 'pending')
  assert(clock.time < 20_000)
})

test('a server that never answers is given up', async () => {
  const { clock, server, open } = await returning()
  const [session] = open()
  server.delay = 60_000
  await run(clock, assert.rejects(session.getAccessToken(), { code: 'TIMEOUT' }))
})

test('a tab that queued behind a refusal to hurry does not ask', async () => {
  const { clock, server, open } = await returning()
  const [[one, tab], [two, other]] = [open(), open()]
  await run(clock, one.start())
  await run(clock, two.start())
  const before = server.count('refresh')
  const body = { error: { code: 'RATE_LIMITED', action: 'retry', message: '' } }
  server.instead = () => Response.json(body, { status: 429, headers: { 'Retry-After': '30' } })
  clock.skip(901_000)
  tab.happen('shown')
  other.happen('shown')
  await clock.advance(20_000)
  assert.equal(server.count('refresh') - before, 1)
})

test('an answer that cannot be adopted changes nothing, and refreshes go on', async () => {
  const { clock, server, open } = await returning()
  const [session] = open()
  await run(clock, session.start())
  for (const answer of [null, {}, { jwt_token: 'x' }])
    assert.throws(() => session.adopt(answer), { code: 'ANSWER_INVALID' })
  assert.equal(session.getSnapshot().claims?.sub, 'ann')
  await clock.advance(900_000)
  assert.equal(server.count('refresh'), 2)
})

test('a page that is looked at again tries at once, but not before the server said', async () => {
  const { clock, server, open } = await returning()
  const [session, tab] = open()
  await run(clock, session.start())
  const failures = async (headers: Record<string, string>, ms: number) => {
    server.instead = () => new Response('', { status: 503, headers })
    await clock.advance(ms)
    // Just after one of them.
    const before = server.count('refresh')
    while (server.count('refresh') === before) await clock.advance(100)
    const failed = server.count('refresh')
    tab.happen('shown')
    await clock.advance(600)
    return server.count('refresh') - failed
  }
  // After many the tab's own pause is long.
  assert((await failures({}, 1_000_000)) > 0)
  assert.equal(await failures({ 'Retry-After': '120' }, 200_000), 0)
})

test('a fetch that hears no signal is given up, and what queues behind it is sent', async () => {
  const { clock, browser, server, open } = await returning()
  const tab = browser.tab()
  let isStuck = true
  const deaf: typeof fetch = (input, init) =>
    isStuck ? new Promise(() => {}) : browser.tab().fetch(input, init)
  const [session] = open({}, { ...tab, fetch: deaf })
  await run(clock, assert.rejects(session.getAccessToken(), { code: 'TIMEOUT' }))
  // One that is called off, and then one in its place.
  const refused = assert.rejects(session.signIn({ username: 'ann' }), { code: 'ABORTED' })
  await clock.advance(50)
  isStuck = false
  const { claims } = await run(clock, session.signIn({ username: 'bob' }))
  await refused
  assert.equal(claims?.sub, 'bob')
  assert.deepEqual(server.asked, ['/auth/login'])
  const before = clock.time
  assert(await run(clock, session.getAccessToken()))
  assert.equal(clock.time - before, 50)
})

test('an answer whose body never ends is given up, and the next one is taken', async () => {
  const { clock, server, open } = await returning()
  const [session] = open()
  server.instead = () => new Response(new ReadableStream())
  await run(clock, assert.rejects(session.getAccessToken(), { code: 'TIMEOUT' }))
  server.instead = undefined
  assert(await run(clock, session.getAccessToken()))
})
