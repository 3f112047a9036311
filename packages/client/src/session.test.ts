import assert from 'node:assert/strict'
import { test } from 'node:test'
import { returning, run } from './testing/scene.ts'

test('a visitor without a hint costs no request', async () => {
  const { clock, server, open } = await returning({ signedIn: false })
  const [session] = open()
  const started = session.start()
  assert.equal(session.getSnapshot().status, 'signedOut')
  await run(clock, started)
  assert.equal(await run(clock, session.getAccessToken()), null)
  assert.deepEqual(server.asked, [])
})

test('an ended session signs out with its reason, once', async () => {
  const { clock, browser, server, open } = await returning()
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

test('listeners may call anything', async () => {
  const { clock, open } = await returning()
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
  const { clock, open } = await returning()
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

test('an insecure page is told so', async () => {
  const { browser, clock, open } = await returning({ signedIn: false })
  const [session] = open({}, { ...browser.tab(), isSecure: false })
  await run(clock, assert.rejects(session.signIn({}), { code: 'INSECURE_CONTEXT', action: 'fix' }))
})

test('a page on another host than the cookies asks once', async () => {
  const { browser, clock, server, open } = await returning({ signedIn: false })
  const tab = { ...browser.tab(), host: 'app.example' }
  const [session] = open({ authUrl: 'https://auth.example/auth' }, tab)
  assert.equal((await run(clock, session.start())).status, 'signedOut')
  assert.equal(server.count('refresh'), 1)
  const [known] = open({ authUrl: 'https://auth.example/auth', cookieDomain: 'example' }, tab)
  assert.equal((await run(clock, known.start())).status, 'signedOut')
  assert.equal(server.count('refresh'), 1)
})

test('what the server rendered stands until we know better', async () => {
  const { clock, server, open } = await returning()
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
