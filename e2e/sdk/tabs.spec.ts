import type { Page } from '@playwright/test'
import {
  expect,
  expectStatus,
  later,
  milliseconds,
  reason,
  rounds,
  signUp,
  status,
  test,
  token,
} from './scenario.ts'

const life = 900_000

test('2 eight tabs that wake together refresh once', async ({ app, tabs, figure }) => {
  test.slow()
  const pages = [await tabs.signedIn()]
  while (pages.length < 8) pages.push(await tabs.open())
  for (const page of pages) await expectStatus(page, 'signedIn')
  let slowest = 0
  for (let round = 0; round < rounds; round++) {
    app.asked.length = 0
    const began = performance.now()
    await Promise.all(pages.map(page => later(page, life + 1_000)))
    const tokens = await Promise.all(pages.map(token))
    slowest = Math.max(slowest, milliseconds(began))
    expect(app.refreshes(), `round ${round}`).toBe(1)
    expect(new Set(tokens).size, `round ${round}`).toBe(1)
  }
  figure(`${rounds} of ${rounds} rounds with 1 refresh; ${slowest} ms at most`)
})

test('3 a log-out in one of eight tabs ends all', async ({ tabs, figure }) => {
  test.slow()
  let slowest = 0
  const pages = [await tabs.open()]
  while (pages.length < 8) pages.push(await tabs.open())
  for (let round = 0; round < 5; round++) {
    const [first] = pages as [Page]
    await signUp(first)
    for (const page of pages) {
      await expectStatus(page, 'signedIn')
      await page.evaluate(() => {
        const stop = window.session.subscribe(() => {
          if (window.session.getSnapshot().status !== 'signedOut') return
          Object.assign(window, { ended: performance.timeOrigin + performance.now() })
          stop()
        })
      })
    }
    const began = await first.evaluate(() => {
      const now = performance.timeOrigin + performance.now()
      void window.session.signOut()
      return now
    })
    for (const page of pages) {
      await expectStatus(page, 'signedOut')
      const ended = await page.evaluate(() => (window as unknown as { ended: number }).ended)
      slowest = Math.max(slowest, Math.round(ended - began))
    }
  }
  figure(`${slowest} ms at most, 5 rounds`)
})

test('4 a new tab costs no refresh', async ({ app, tabs, figure }) => {
  const first = await tabs.signedIn()
  const began = performance.now()
  const second = await tabs.open()
  await expectStatus(second, 'signedIn')
  figure(`0 refreshes, ${milliseconds(began)} ms with the page's load`)
  expect(await token(second)).toBe(await token(first))
  expect(app.refreshes()).toBe(0)
})

test('5 a reload of the only tab costs one refresh', async ({ app, tabs, figure }) => {
  const page = await tabs.signedIn()
  const sid = await page.evaluate(() => window.session.getSnapshot().sid)
  await page.reload()
  await expectStatus(page, 'signedIn')
  expect(await page.evaluate(() => window.session.getSnapshot().sid)).toBe(sid)
  expect(app.refreshes()).toBe(1)
  figure('1 refresh, the same session')
})

test('12 a tab that crashes with the lock delays others and no more', async ({
  app,
  tabs,
  context,
  figure,
}) => {
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  app.weather = { delay: 1_500 }
  await later(one, life)
  await expect.poll(() => app.refreshes()).toBe(1)
  const began = performance.now()
  await later(two, life)
  const session = await context.newCDPSession(one)
  void session.send('Page.crash').catch(() => {})
  await one.waitForEvent('crash')
  expect(await token(two)).toBeTruthy()
  figure(`${milliseconds(began)} ms, with a server that takes 1,500`)
  expect(await status(two)).toBe('signedIn')
})

test('13 a tab that is closed while it refreshes delays nobody', async ({ app, tabs, figure }) => {
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  app.weather = { delay: 1_500 }
  await later(one, life)
  await expect.poll(() => app.refreshes()).toBe(1)
  await later(two, life)
  const began = performance.now()
  await one.close()
  expect(await token(two)).toBeTruthy()
  figure(`${milliseconds(began)} ms, with a server that takes 1,500`)
})

test('20 another user in one tab is one change of identity in the other', async ({ tabs, figure }) => {
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  const before = await one.evaluate(() => window.session.getSnapshot().claims?.sub)
  await one.evaluate(() => {
    window.seen.identities.length = 0
  })
  await signUp(two)
  await expect.poll(() => one.evaluate(() => window.seen.identities.length)).toBe(1)
  const after = await one.evaluate(() => window.session.getSnapshot().claims?.sub)
  expect(after).toBe(await two.evaluate(() => window.session.getSnapshot().claims?.sub))
  expect(after).not.toBe(before)
  expect(await token(one)).toBe(await token(two))
  figure('1 change, with the token handed over')
})

test('44 two sessions of one origin by name do not hear each other', async ({ tabs, figure }) => {
  const a = await tabs.open('/core', { name: 'a' })
  const b = await tabs.open('/core', { name: 'b' })
  const heard = b.evaluate(
    () =>
      new Promise(done => {
        const line = new BroadcastChannel('countersign:b')
        line.onmessage = ({ data }) => done(data)
        setTimeout(() => done(null), 500)
      }),
  )
  await signUp(a)
  expect(await heard).toBe(null)
  expect(await status(b)).toBe('signedOut')
  expect(await reason(b)).toBe('none')
  figure('0 messages')
})

test('45 a frame of the same origin shares the refresh of its window', async ({ app, tabs, figure }) => {
  app.csp = "default-src 'self'"
  const page = await tabs.signedIn()
  app.csp = "default-src 'self'; require-trusted-types-for 'script'"
  await page.evaluate(() => {
    const frame = document.createElement('iframe')
    frame.src = '/core'
    document.body.append(frame)
  })
  await expect.poll(() => page.frames().length).toBe(2)
  const [, frame] = page.frames()
  await expect
    .poll(() => frame?.evaluate(() => window.session?.getSnapshot().status).catch(() => null))
    .toBe('signedIn')
  expect(app.refreshes()).toBe(0)
  figure('0 refreshes by the frame')
})

test('50 two hundred pages opened and closed leave no lock behind', async ({
  context,
  app,
  tabs,
  figure,
}) => {
  test.slow()
  const page = await tabs.signedIn()
  const few = await Promise.all(Array.from({ length: 4 }, () => context.newPage()))
  for (let i = 0; i < 200; i += few.length) {
    await Promise.all(few.map(one => one.goto(`${app.url}/core`, { waitUntil: 'commit' })))
    await Promise.all(few.map(one => one.goto('about:blank')))
  }
  for (const one of few) await one.close()
  const open = async () => {
    const { held, pending } = await navigator.locks.query()
    return [held?.length, pending?.length]
  }
  await expect.poll(() => page.evaluate(open)).toEqual([0, 0])
  expect(await token(page)).toBeTruthy()
  figure(`0 locks held or awaited; ${app.refreshes()} refreshes`)
})
