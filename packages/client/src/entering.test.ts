import assert from 'node:assert/strict'
import { test } from 'node:test'
import { returning, run } from './testing/scene.ts'

test('a sign-out ends every tab before it returns', async () => {
  const { clock, browser, server, open } = await returning()
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
  const { clock, browser, server, open } = await returning()
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
  const { clock, browser, server, open } = await returning()
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

test('a wrong password leaves who is signed in', async () => {
  const { clock, server, open } = await returning()
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
  const { clock, browser, server, open } = await returning({ signedIn: false })
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

test('a sign-out that had to wait does not end the session that came after it', async () => {
  const { clock, server, open } = await returning()
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

test('a sign-in waits for the sign-out before it, whose cookies come first', async () => {
  const { clock, browser, server, open } = await returning()
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
  const { clock, server, open } = await returning()
  const [session] = open()
  await run(clock, session.start())
  const signal = AbortSignal.abort()
  await run(clock, assert.rejects(session.signIn({ username: 'bob' }, { signal }), { code: 'ABORTED' }))
  assert.equal(server.count('login'), 0)
  assert.equal(session.getSnapshot().claims?.sub, 'ann')
  assert(session.peekAccessToken())
})

test('of two sign-ins at once the second counts, and nobody is signed out', async () => {
  const { clock, browser, server, open } = await returning({ signedIn: false })
  const [session] = open()
  await run(clock, session.start())
  server.delay = 100
  const refused = assert.rejects(session.signIn({ username: 'ann' }), { code: 'ABORTED' })
  await clock.advance(50)
  const { claims } = await run(clock, session.signIn({ username: 'bob' }))
  await refused
  await clock.advance(5_000)
  assert.equal(claims?.sub, 'bob')
  assert.deepEqual(server.asked, ['/auth/login', '/auth/login'])
  assert.equal(session.getSnapshot().status, 'signedIn')
  assert(browser.jar.has('__Host-csrt'))
})

test('a sign-out between two sign-ins ends the session of the first, whatever comes of the second', async () => {
  const { clock, browser, server, open } = await returning({ signedIn: false })
  const [session, tab] = open()
  await run(clock, session.start())
  Object.assign(server, { delay: 100, isDeaf: true })
  const refused = assert.rejects(session.signIn({ username: 'ann' }), { code: 'ABORTED' })
  await clock.advance(50)
  void session.signOut()
  const wrong = assert.rejects(session.signIn({ username: 'bob' }, { path: 'nowhere' }))
  await run(clock, Promise.all([refused, wrong]))
  tab.happen('shown')
  await clock.advance(3_000)
  assert.deepEqual(server.asked, ['/auth/login', '/auth/logout', '/auth/nowhere'])
  assert.equal(session.getSnapshot().status, 'signedOut')
  assert.equal(browser.jar.size, 0)
})

test('a sign-in that is called off in its turn is over at once', async () => {
  const { clock, server, open } = await returning()
  const [session] = open()
  await run(clock, session.start())
  server.delay = 4_000
  void session.signOut()
  const stop = new AbortController()
  const { signal } = stop
  const refused = assert.rejects(session.signIn({ username: 'bob' }, { signal }), { code: 'ABORTED' })
  await clock.advance(100)
  stop.abort()
  const before = clock.time
  await run(clock, refused)
  assert.equal(clock.time - before, 50)
  await clock.advance(10_000)
  assert.equal(server.count('login'), 0)
  assert.equal(session.getSnapshot().status, 'signedOut')
  server.delay = 0
  assert.equal((await run(clock, session.signIn({ username: 'eve' }))).claims?.sub, 'eve')
})
