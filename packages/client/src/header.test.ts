import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headerTransport } from './header.ts'
import { createSession } from './index.ts'
import { Browser } from './testing/browser.ts'
import { ManualClock } from './testing/clock.ts'
import { run } from './testing/scene.ts'

/** A server of header mode that takes each refresh token once, and remembers what it was asked. */
function headerServer() {
  const clock = new ManualClock()
  const asked: { path: string; body: Record<string, unknown> }[] = []
  const living = new Map<string, string>()
  const ends = new Map<string, number>()
  let count = 0
  const answer = (sid: string) => {
    const refresh_token = `cs_rt_${++count}`
    living.set(refresh_token, sid)
    const jwt_token = `e30.${btoa(JSON.stringify({ sub: 'ann', sid }))}.${count}`
    ends.set(jwt_token, clock.time + 900_000)
    return {
      jwt_token,
      refresh_token,
      expires_in: 900,
      server_time: count,
      session: { id: sid, depth: count },
    }
  }
  const refused = { error: { code: 'SESSION_ENDED', action: 'login', message: '', reason: 'reuse' } }
  const stale = { error: { code: 'TOKEN_EXPIRED', action: 'refresh', message: '' } }
  const browser = new Browser(async (_jar, path, init) => {
    const body = JSON.parse(String(init.body))
    asked.push({ path, body })
    if (path === '/auth/login') return Response.json(answer(`ses_${++count}`))
    const sid = living.get(body.refresh_token)
    if (path === '/auth/logout/all') {
      const [, raw] = new Headers(init.headers).get('Authorization')?.split(' ') ?? []
      if (!raw || (ends.get(raw) ?? 0) <= clock.time) return Response.json(stale, { status: 401 })
      living.clear()
      return Response.json({ ok: true })
    }
    if (path === '/auth/logout') return Response.json({ ok: living.delete(body.refresh_token) })
    if (!sid) return Response.json(refused, { status: 401 })
    if (body.fork) return Response.json(answer(`ses_${++count}`))
    living.delete(body.refresh_token)
    return Response.json(answer(sid))
  }, clock)
  const storage = (copy = new Map<string, string>()) => ({
    copy,
    getItem: (key: string) => copy.get(key) ?? null,
    setItem: (key: string, value: string) => void copy.set(key, value),
    removeItem: (key: string) => void copy.delete(key),
  })
  const open = (kept = storage()) => {
    const tab = browser.tab()
    return { session: createSession({ world: tab, transport: headerTransport(kept) }), tab, kept }
  }
  return { clock, asked, living, open, storage }
}

test('a new tab takes a fork, a reload takes up its own, and a copy takes a fork', async () => {
  const { clock, asked, open, storage } = headerServer()
  const one = open()
  await run(clock, one.session.signIn({ username: 'ann' }))
  assert.equal(asked[0]?.body.mode, 'header')
  const two = open()
  assert.equal((await run(clock, two.session.start())).status, 'signedIn')
  assert.equal(asked.at(-1)?.body.fork, true)
  const copy = open(storage(new Map(one.kept.copy)))
  assert.equal((await run(clock, copy.session.start())).status, 'signedIn')
  assert.equal(asked.at(-1)?.body.fork, true)
  const sids = [one, two, copy].map(({ session }) => session.getSnapshot().sid)
  assert.equal(new Set(sids).size, 3)

  one.tab.happen('gone')
  one.session.close()
  const again = open(one.kept)
  assert.equal((await run(clock, again.session.start())).sid, sids[0])
  assert.equal(asked.at(-1)?.body.fork, undefined)
})

test('a first tab asks other tabs, and no server', async () => {
  const { clock, asked, open } = headerServer()
  const { session } = open()
  assert.equal((await run(clock, session.start())).status, 'signedOut')
  assert.deepEqual(asked, [])
})

test('a sign-out in one tab ends the sessions of all', async () => {
  const { clock, living, open } = headerServer()
  const one = open()
  await run(clock, one.session.signIn({ username: 'ann' }))
  const two = open()
  await run(clock, two.session.start())
  await run(clock, two.session.signOut())
  await clock.advance(1_000)
  for (const { session, kept } of [one, two]) {
    assert.equal(session.getSnapshot().status, 'signedOut')
    assert.equal(kept.copy.size, 0)
  }
  assert.deepEqual([...living], [])
})

test('where storage is blocked the session lives in memory', async () => {
  const { clock, open, storage } = headerServer()
  const blocked = () => {
    throw new DOMException('blocked', 'SecurityError')
  }
  const { session } = open({ ...storage(), getItem: blocked, setItem: blocked, removeItem: blocked })
  await run(clock, session.signIn({ username: 'ann' }))
  clock.skip(901_000)
  assert(await run(clock, session.getAccessToken()))
  await run(clock, session.signOut())
  assert.equal(session.getSnapshot().status, 'signedOut')
})

test('with a token that is too old all sessions end all the same, and a network that fails is waited for', async () => {
  for (const isOffline of [false, true]) {
    const { clock, asked, living, open } = headerServer()
    const elsewhere = open()
    await run(clock, elsewhere.session.signIn({ username: 'ann' }))
    elsewhere.tab.crash()
    const { session, tab } = open()
    await run(clock, session.signIn({ username: 'ann' }))
    assert.equal(living.size, 2)
    clock.skip(901_000)
    asked.length = 0
    const { fetch } = tab
    if (isOffline) tab.fetch = () => Promise.reject(new TypeError('no network'))
    await run(clock, session.signOut({ scope: 'all' }))
    tab.fetch = fetch
    tab.happen('online')
    await clock.advance(1_000)
    assert.deepEqual(
      asked.map(({ path, body }) => [path, body.fork]),
      [
        ['/auth/refresh', undefined],
        ['/auth/logout/all', undefined],
      ],
    )
    assert.deepEqual([...living], [])
    assert.equal(session.getSnapshot().status, 'signedOut')
  }
})
