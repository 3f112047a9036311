import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Window } from 'happy-dom'
import { run, scene } from './testing/scene.ts'

const window = new Window()
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true })
const { act, createElement: h, StrictMode } = await import('react')
const { createRoot, hydrateRoot } = await import('react-dom/client')
const { renderToString } = await import('react-dom/server')
const { SessionProvider, SignedIn, SignedOut, useRequireSession, useSession } = await import('./react.ts')

const page = (session: ReturnType<ReturnType<typeof scene>['open']>, inside: Parameters<typeof h>[0]) =>
  h(
    StrictMode,
    null,
    h(SessionProvider, { session }, h(inside), h(SignedIn, null, ' in'), h(SignedOut, null, ' out')),
  )
const away: string[] = []
const leave = () => void away.push('login')
const Private = () => useRequireSession({ redirectTo: leave }).status
const Status = () => useSession().status

test('follows the session through StrictMode, and leaves no listener', async () => {
  const { clock, open } = scene()
  const session = open()
  const main = document.createElement('main')
  const root = createRoot(main)
  await act(async () => root.render(page(session, Status)))
  await act(() => clock.advance(100))
  assert.equal(main.textContent, 'signedOut out')
  await act(() => run(clock, session.signIn({ username: 'ann' })))
  assert.equal(main.textContent, 'signedIn in')
  await act(async () => root.unmount())
  await clock.advance(100)
  assert.equal(clock.timers, 1, 'the session goes on without React')
})

test('hydrates what the server rendered', async () => {
  const { clock, server, open } = scene()
  const before = open()
  await run(clock, before.signIn({ username: 'ann' }))
  before.close()
  const sid = [...server.logins.keys()][0] as string
  const initial = { status: 'signedIn', claims: { sub: 'ann', sid }, sid } as const
  const main = document.createElement('main')
  main.innerHTML = renderToString(page(open({ initial }), Status))
  assert.equal(main.textContent, 'signedIn in')
  const faults: unknown[] = []
  await act(async () => {
    hydrateRoot(main, page(open({ initial }), Status), { onRecoverableError: fault => faults.push(fault) })
  })
  assert.deepEqual(faults, [])
  assert.equal(main.textContent, 'signedIn in')
})

test('a page for users sends others away, and waits until it knows', async () => {
  const { clock, open } = scene()
  const session = open()
  const root = createRoot(document.createElement('main'))
  await act(async () => root.render(page(session, Private)))
  await act(() => run(clock, session.signIn({ username: 'ann' })))
  away.length = 0
  await act(() => run(clock, session.signOut()))
  assert.deepEqual([...new Set(away)], ['login'])
})
