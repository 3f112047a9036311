import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Tab } from './testing/browser.ts'
import { returning, run } from './testing/scene.ts'
import type { Session } from './types.ts'

test('a new tab takes the token of an open one', async () => {
  const { clock, server, open } = await returning()
  const [first] = open()
  await run(clock, first.start())
  const [second] = open()
  await run(clock, second.start())
  assert.equal(second.peekAccessToken(), first.peekAccessToken())
  assert.equal(server.count('refresh'), 1)
})

test('another user in another tab is one change of identity', async () => {
  const { clock, open } = await returning()
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
  const { clock, server, open } = await returning()
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
  const { clock, browser, server, open } = await returning()
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
  const { clock, server, open } = await returning()
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

test('what others keep in storage ends nobody', async () => {
  const { browser, clock, open } = await returning()
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
