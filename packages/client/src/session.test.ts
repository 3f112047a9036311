import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSession } from './index.ts'
import { Browser, ManualClock, MemoryServer, type Tab } from './testing.ts'
import type { Session, SessionOptions } from './types.ts'

/** A browser, a server, and somebody who signed in and closed the tab. */
async function scene({ signedIn = true } = {}) {
  const clock = new ManualClock()
  const server = new MemoryServer(clock)
  const browser = new Browser(server.serve, clock)
  const open = (options: SessionOptions = {}, tab: Tab = browser.tab()): [Session, Tab] => [
    createSession({ world: tab, ...options }),
    tab,
  ]
  if (signedIn) {
    const [session] = open()
    await run(clock, session.signIn({ username: 'ann' }))
    session.close()
    server.asked.length = 0
    await clock.advance(100)
  }
  return { clock, server, browser, open }
}

/** Lets time pass until it is answered. */
async function run<T>(clock: ManualClock, answer: Promise<T>): Promise<T> {
  let isOver = false
  answer
    .catch(() => {})
    .finally(() => {
      isOver = true
    })
  for (let i = 0; i < 400 && !isOver; i++) await clock.advance(50)
  assert(isOver, 'it hangs')
  return answer
}

test('a visitor without a hint costs no request', async () => {
  const { clock, server, open } = await scene({ signedIn: false })
  const [session] = open()
  const started = session.start()
  assert.equal(session.getSnapshot().status, 'signedOut')
  await run(clock, started)
  assert.equal(await run(clock, session.getAccessToken()), null)
  assert.deepEqual(server.asked, [])
})

test('a reload costs one refresh', async () => {
  const { clock, server, open } = await scene()
  const [session] = open()
  assert.equal(session.getSnapshot().status, 'pending')
  const { status, claims } = await run(clock, session.start())
  assert.equal(status, 'signedIn')
  assert.equal(claims?.sub, 'ann')
  assert.equal(server.count('refresh'), 1)
})

test('fifty who ask share one refresh', async () => {
  const { clock, server, open } = await scene()
  const [session] = open()
  await run(clock, session.start())
  clock.skip(901_000)
  const tokens = await run(clock, Promise.all(Array.from({ length: 50 }, () => session.getAccessToken())))
  assert.equal(new Set(tokens).size, 1)
  assert.equal(server.count('refresh'), 2)
})

test('a new tab takes the token of an open one', async () => {
  const { clock, server, open } = await scene()
  const [first] = open()
  await run(clock, first.start())
  const [second] = open()
  await run(clock, second.start())
  assert.equal(second.peekAccessToken(), first.peekAccessToken())
  assert.equal(server.count('refresh'), 1)
})

test('renews by itself in a visible tab, and not in a hidden one', async () => {
  const { clock, server, open } = await scene()
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
  const { clock, server, open } = await scene()
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

test('a sign-out ends every tab before it returns', async () => {
  const { clock, browser, server, open } = await scene()
  const [[one], [two], [three]] = [open(), open(), open({}, browser.tab({ channel: undefined }))]
  for (const session of [one, two, three]) await run(clock, session.start())
  const done = one.signOut()
  assert.equal(one.getSnapshot().status, 'signedOut')
  assert.equal(one.getSnapshot().reason, 'user')
  await clock.settle()
  assert.equal(two.getSnapshot().reason, 'other-tab')
  assert.equal(three.getSnapshot().reason, 'other-tab')
  assert.equal(await one.getAccessToken(), null)
  await run(clock, done)
  assert.equal(server.count('logout'), 1)
  assert.equal(browser.jar.size, 0)
  assert.equal(browser.stored.size, 0)
})

test('a late answer does not undo a sign-out', async () => {
  const { clock, browser, server, open } = await scene()
  const [one] = open()
  const [two] = open()
  await run(clock, one.start())
  await run(clock, two.start())
  server.delay = 1_500
  const late = one.refresh()
  await clock.advance(500)
  server.delay = 0
  await run(clock, two.signOut())
  await clock.advance(5_000)
  assert.equal((await run(clock, late)).status, 'signedOut')
  assert.equal(one.getSnapshot().status, 'signedOut')
  assert.equal(two.getSnapshot().status, 'signedOut')
  assert.equal(browser.jar.size, 0)
})

test('a sign-out without network is kept until the server knows', async () => {
  const { clock, browser, server, open } = await scene()
  const [session] = open()
  await run(clock, session.start())
  server.instead = () => {
    throw new TypeError('no network')
  }
  await run(clock, session.signOut())
  session.close()
  assert.equal(browser.readable, '')
  assert(browser.jar.has('__Host-csrt'))
  const [again, tab] = open()
  assert.equal((await run(clock, again.start())).status, 'signedOut')
  assert.equal(server.count('refresh'), 1, 'the dead session is not asked for')
  server.instead = undefined
  tab.happen('online')
  await clock.advance(1_000)
  assert.equal(browser.jar.size, 0)
  assert.equal(browser.stored.size, 0)
  assert.equal([...server.logins.values()][0]?.ended, 'logout')
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
    const { clock, server, open } = await scene()
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

test('an ended session signs out with its reason, once', async () => {
  const { clock, browser, server, open } = await scene()
  const [[one], [two]] = [open(), open()]
  await run(clock, one.start())
  await run(clock, two.start())
  server.revokeAll()
  const before = server.count('refresh')
  await run(
    clock,
    assert.rejects(one.refresh()).catch(() => {}),
  )
  await clock.settle()
  for (const session of [one, two]) assert.equal(session.getSnapshot().reason, 'revoked')
  assert.equal(server.count('refresh') - before, 1)
  assert.equal(browser.readable, '', 'the next load asks for nothing')
})

test('an API that refuses every token causes one refresh', async () => {
  const { clock, server, open } = await scene()
  const [session] = open()
  await run(clock, session.start())
  await clock.advance(60_000)
  const before = server.count('refresh')
  for (let i = 0; i < 20; i++)
    await run(clock, session.getAccessToken({ rejected: session.peekAccessToken() }))
  assert.equal(server.count('refresh') - before, 1)
})

test('all tabs wait as long as the server asks', async () => {
  const { clock, server, open } = await scene()
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

test('another user in another tab is one change of identity', async () => {
  const { clock, open } = await scene()
  const [[one], [two]] = [open(), open()]
  await run(clock, one.start())
  await run(clock, two.start())
  const seen: unknown[] = []
  one.onIdentity((next, before) => seen.push([before?.sub, next?.sub]))
  await run(clock, two.signIn({ username: 'bob' }))
  await clock.advance(100)
  assert.deepEqual(seen, [['ann', 'bob']])
  assert.equal(one.getSnapshot().claims?.sub, 'bob')
})

test('a tab that slept through a sign-out knows without a request', async () => {
  const { clock, server, open } = await scene()
  const [[one, tab], [two]] = [open(), open()]
  await run(clock, one.start())
  await run(clock, two.start())
  tab.happen('gone')
  await run(clock, two.signOut())
  const before = server.asked.length
  assert.equal(one.getSnapshot().status, 'signedIn')
  tab.happen('shown')
  assert.equal(one.getSnapshot().status, 'signedOut')
  await clock.advance(1_000)
  assert.equal(server.asked.length, before)
})

test('tabs without locks and without a channel stay valid, and store signals only', async () => {
  const { clock, browser, server, open } = await scene()
  const bare = { channel: undefined, locks: undefined }
  const tabs = Array.from({ length: 4 }, () => open({}, browser.tab(bare)))
  await run(clock, Promise.all(tabs.map(([session]) => session.start())))
  clock.skip(901_000)
  const tokens = await run(clock, Promise.all(tabs.map(([session]) => session.getAccessToken())))
  assert(tokens.every(Boolean))
  await run(clock, (tabs[0] as [Session, Tab])[0].signIn({ username: 'bob' }))
  assert.match([...browser.stored.values()].join(), /^in ses_\d+$/)
  await clock.advance(1_000)
  for (const [session] of tabs) assert.equal(session.getSnapshot().claims?.sub, 'bob')
  assert.equal(server.count('login'), 1)
})

test('a tab that crashed in the lock delays others and no more', async () => {
  const { clock, server, open } = await scene()
  const [[one, tab], [two]] = [open(), open()]
  await run(clock, one.start())
  await run(clock, two.start())
  server.delay = 2_000
  clock.skip(901_000)
  void one.getAccessToken().catch(() => {})
  await clock.advance(10)
  tab.crash()
  assert(await run(clock, two.getAccessToken()))
})

test('listeners may call anything', async () => {
  const { clock, open } = await scene()
  const [session] = open()
  let calls = 0
  session.subscribe(() => {
    if (calls++) return
    void session.getAccessToken()
    void session.refresh().catch(() => {})
    void session.signOut()
  })
  await run(
    clock,
    session.start().catch(() => {}),
  )
  await clock.advance(1_000)
  assert.equal(session.getSnapshot().status, 'signedOut')
})

test('one timer, one channel, and none after the end', async () => {
  const { clock, open } = await scene()
  const [session, tab] = open()
  await run(clock, session.start())
  await clock.advance(100)
  assert.equal(clock.timers, 1)
  session.close()
  assert.equal(clock.timers, 0)
  tab.happen('shown')
  assert.equal(clock.timers, 0)
  await assert.rejects(session.getAccessToken(), { code: 'CLOSED' })
})

test('a wrong password leaves who is signed in', async () => {
  const { clock, server, open } = await scene()
  const [session] = open()
  await run(clock, session.start())
  server.instead = path =>
    path === '/auth/login'
      ? Response.json(
          { error: { code: 'CREDENTIALS_INVALID', action: 'login', message: 'no' } },
          { status: 401 },
        )
      : undefined
  await run(clock, assert.rejects(session.signIn({ username: 'x' }), { code: 'CREDENTIALS_INVALID' }))
  assert.equal(session.getSnapshot().status, 'signedIn')
  assert(session.peekAccessToken())
})

test('a sign-out during a sign-in wins, whenever the answer comes', async () => {
  const { clock, browser, server, open } = await scene({ signedIn: false })
  const [session, tab] = open()
  await run(clock, session.start())
  for (const [delay, isDeaf] of [
    [100, false],
    [1_000, false],
    [100, true],
  ] as const) {
    Object.assign(server, { delay, isDeaf })
    const refused = assert.rejects(session.signIn({ username: 'ann' }), { code: 'ABORTED' })
    await clock.advance(delay / 2)
    void session.signOut()
    await run(clock, refused)
    tab.happen('shown')
    await clock.advance(3_000)
    assert.equal(session.getSnapshot().status, 'signedOut')
    assert.equal(browser.jar.size, 0)
  }
})

test('without a network a caller gets an error in time, and what to do', async () => {
  const { clock, server, open } = await scene()
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
  const { clock, server, open } = await scene()
  const [session] = open()
  server.delay = 60_000
  await run(clock, assert.rejects(session.getAccessToken(), { code: 'TIMEOUT' }))
})

test('an insecure page is told so', async () => {
  const { browser, clock, open } = await scene({ signedIn: false })
  const [session] = open({}, { ...browser.tab(), isSecure: false })
  await run(clock, assert.rejects(session.signIn({}), { code: 'INSECURE_CONTEXT', action: 'fix' }))
})

test('a page on another host than the cookies asks once', async () => {
  const { browser, clock, server, open } = await scene({ signedIn: false })
  const tab = { ...browser.tab(), host: 'app.example' }
  const [session] = open({ authUrl: 'https://auth.example/auth' }, tab)
  assert.equal((await run(clock, session.start())).status, 'signedOut')
  assert.equal(server.count('refresh'), 1)
  const [known] = open({ authUrl: 'https://auth.example/auth', cookieDomain: 'example' }, tab)
  assert.equal((await run(clock, known.start())).status, 'signedOut')
  assert.equal(server.count('refresh'), 1)
})

test('what the server rendered stands until we know better', async () => {
  const { clock, server, open } = await scene()
  const sid = [...server.logins.keys()][0] as string
  const initial = { status: 'signedIn', claims: { sub: 'ann', sid }, sid } as const
  const [session] = open({ initial })
  const identities: unknown[] = []
  const statuses: string[] = [session.getSnapshot().status]
  session.onIdentity(next => identities.push(next))
  session.subscribe(() => statuses.push(session.getSnapshot().status))
  await run(clock, session.start())
  await run(clock, session.getAccessToken())
  assert(!statuses.includes('pending') && !statuses.includes('signedOut'))
  assert.deepEqual(identities, [])
})

test('a tab that queued behind a refusal to hurry does not ask', async () => {
  const { clock, server, open } = await scene()
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

test('a sign-out that had to wait does not end the session that came after it', async () => {
  const { clock, server, open } = await scene()
  const [[one], [two, other]] = [open(), open()]
  await run(clock, one.start())
  await run(clock, two.start())
  server.instead = () => {
    throw new TypeError('no network')
  }
  await run(clock, one.signOut())
  server.instead = undefined
  server.delay = 1_000
  const signedIn = one.signIn({ username: 'ann' })
  await clock.advance(500)
  other.happen('online')
  await run(clock, signedIn)
  await clock.advance(5_000)
  assert.equal(server.count('logout'), 1, 'only the one that was lost')
  assert.equal(one.getSnapshot().status, 'signedIn')
  assert.equal(two.getSnapshot().status, 'signedIn')
  assert.equal([...server.logins.values()].at(-1)?.ended, null)
})

test('what others keep in storage ends nobody', async () => {
  const { browser, clock, open } = await scene()
  const tab = { ...browser.tab(), host: 'app.example' }
  browser.jar.delete('__Host-cshint')
  const [session] = open({ authUrl: 'https://auth.example/auth' }, tab)
  const started = session.start()
  const { storage } = browser.tab()
  storage?.setItem('theme', 'dark')
  storage?.removeItem('countersign:default')
  await clock.settle()
  assert.equal(session.getSnapshot().status, 'pending')
  assert.equal((await run(clock, started)).status, 'signedIn')
})

test('a sign-in waits for the sign-out before it, whose cookies come first', async () => {
  const { clock, browser, server, open } = await scene()
  // Without locks: the tab's own queue is enough.
  const [session] = open({}, browser.tab({ locks: undefined }))
  await run(clock, session.start())
  server.asked.length = 0
  server.delay = 4_000
  void session.signOut()
  await clock.settle()
  server.delay = 0
  const { claims } = await run(clock, session.signIn({ username: 'bob' }))
  await clock.advance(10_000)
  assert.deepEqual(server.asked, ['/auth/logout', '/auth/login'])
  assert.equal(claims?.sub, 'bob')
  assert.equal(session.getSnapshot().status, 'signedIn')
  assert(browser.jar.has('__Host-csrt'))
  assert.match([...browser.stored.values()].join(), /^in /)
})

test('a sign-in that is called off before it begins asks nobody, and leaves who is signed in', async () => {
  const { clock, server, open } = await scene()
  const [session] = open()
  await run(clock, session.start())
  const signal = AbortSignal.abort()
  await run(clock, assert.rejects(session.signIn({ username: 'bob' }, { signal }), { code: 'ABORTED' }))
  assert.equal(server.count('login'), 0)
  assert.equal(session.getSnapshot().claims?.sub, 'ann')
  assert(session.peekAccessToken())
})

test('an answer that cannot be adopted changes nothing, and refreshes go on', async () => {
  const { clock, server, open } = await scene()
  const [session] = open()
  await run(clock, session.start())
  for (const answer of [null, {}, { jwt_token: 'x' }])
    assert.throws(() => session.adopt(answer), { code: 'ANSWER_INVALID' })
  assert.equal(session.getSnapshot().claims?.sub, 'ann')
  await clock.advance(900_000)
  assert.equal(server.count('refresh'), 2)
})

test('a page that is looked at again tries at once, but not before the server said', async () => {
  const { clock, server, open } = await scene()
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
