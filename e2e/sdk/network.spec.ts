import { expect, expectStatus, later, milliseconds, rounds, status, test, token } from './scenario.ts'

const life = 900_000

test('1 fifty queries at expiry share one refresh', async ({ app, tabs, figure }) => {
  const page = await tabs.signedIn()
  for (let round = 0; round < rounds; round++) {
    app.asked.length = 0
    await later(page, life + 1_000, false)
    const statuses = await page.evaluate(() =>
      Promise.all(Array.from({ length: 50 }, () => window.authorized('/api').then(({ status }) => status))),
    )
    expect(statuses).toEqual(Array(50).fill(200))
    expect(app.refreshes()).toBe(1)
    expect(app.count('/api')).toBe(50)
  }
  figure(`${rounds} of ${rounds} rounds with 1 refresh, 50 answers, no 401`)
})

test('9 an answer that is lost after the server acted costs a retry, and no session', async ({
  app,
  tabs,
  figure,
}) => {
  const page = await tabs.signedIn()
  app.weather = { lose: true }
  await later(page, life - 5_000)
  await expect.poll(() => app.refreshes()).toBeGreaterThan(1)
  expect(await status(page)).toBe('signedIn')
  app.weather = {}
  await later(page, 6_000)
  expect(await token(page)).toBeTruthy()
  expect(app.count('/auth/refresh', 0), 'answers that were lost').toBeGreaterThan(1)
  expect(app.count('/auth/refresh', 200)).toBe(1)
  figure(`${app.count('/auth/refresh', 0)} answers lost, then 1 refresh, the same session`)
})

test('10 without network a valid token serves on, and recovers', async ({ app, context, tabs, figure }) => {
  const page = await tabs.signedIn()
  const before = await token(page)
  await context.setOffline(true)
  await later(page, life - 20_000)
  await expect.poll(() => page.evaluate(() => window.session.getSnapshot().degraded)).toBe(true)
  expect(await token(page), 'nobody waits').toBe(before)
  expect(await status(page)).toBe('signedIn')
  const began = performance.now()
  await context.setOffline(false)
  await expect
    .poll(() => page.evaluate(() => window.session.getSnapshot().degraded), { intervals: [50] })
    .toBe(false)
  expect(await token(page)).not.toBe(before)
  figure(`0 failures seen; fresh ${milliseconds(began)} ms after the network came back`)
  expect(app.count('/auth/refresh', 200)).toBe(1)
})

test('11 no failure of the network or of others signs out', async ({ app, tabs, figure }) => {
  test.slow()
  const page = await tabs.signedIn()
  const weathers = [
    { drop: true },
    { instead: { status: 503 } },
    { instead: { status: 500, type: 'application/json', body: '{"error":"boom"}' } },
    { instead: { status: 401, body: '<h1>Please pay for the network</h1>' } },
    { instead: { status: 200, body: '<h1>Please pay for the network</h1>' } },
    { instead: { status: 302, headers: { location: 'http://localhost:9/portal' } } },
    { instead: { status: 401, type: 'application/json', body: '{"error":"invalid_grant"}' } },
    { instead: { status: 403, body: 'blocked by the firewall' } },
  ]
  await page.evaluate(() => {
    window.seen.statuses.length = 0
  })
  for (const weather of weathers) {
    app.asked.length = 0
    app.weather = weather
    await later(page, life + 1_000)
    await expect.poll(() => page.evaluate(() => window.session.getSnapshot().degraded)).toBe(true)
    expect(await status(page)).toBe('signedIn')
    app.weather = {}
    expect(await token(page), JSON.stringify(weather)).toBeTruthy()
    expect(await status(page)).toBe('signedIn')
  }
  expect(await page.evaluate(() => window.seen.statuses.includes('signedOut'))).toBe(false)
  figure(`${weathers.length} kinds of failure, 0 sign-outs`)
})

test('16 an API that refuses a fresh token costs one refresh and one more try', async ({
  app,
  tabs,
  figure,
}) => {
  const page = await tabs.signedIn()
  app.refuseNext = 1
  const first = await page.evaluate(() => window.authorized('/api').then(({ status }) => status))
  expect([first, app.count('/api'), app.refreshes()]).toEqual([200, 2, 1])
  app.clear()
  app.refuseNext = 1_000
  await later(page, 200_000, false)
  const second = await page.evaluate(async () => {
    const statuses = []
    for (let i = 0; i < 10; i++) statuses.push((await window.authorized('/api')).status)
    return statuses
  })
  expect(second).toEqual(Array(10).fill(401))
  expect(app.refreshes()).toBe(1)
  expect(app.count('/api')).toBe(11)
  expect(await status(page)).toBe('signedIn')
  figure('1 refresh and 2 requests; refused for ever: 1 refresh for 10 requests, no sign-out')
})

test('36 all tabs wait as long as the server asks', async ({ app, tabs, figure }) => {
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  const body = JSON.stringify({ error: { code: 'RATE_LIMITED', message: '', action: 'retry' } })
  app.weather = { instead: { status: 429, type: 'application/json', body, headers: { 'retry-after': '2' } } }
  await Promise.all([later(one, life + 1_000), later(two, life + 1_000)])
  await expect.poll(() => app.refreshes()).toBe(1)
  const at = app.asked[0]?.at ?? 0
  app.weather = {}
  await Promise.all([token(one), token(two)])
  const next = app.asked.filter(({ path }) => path === '/auth/refresh')[1]
  expect((next?.at ?? 0) - at).toBeGreaterThanOrEqual(2_000)
  expect(app.refreshes()).toBe(2)
  figure(`next request after ${Math.round((next?.at ?? 0) - at)} ms, by one of 2 tabs`)
})

test('37 nobody waits for a slow refresh while the token is good', async ({ app, tabs, figure }) => {
  const page = await tabs.signedIn()
  app.weather = { delay: 7_000 }
  await later(page, life * 0.91)
  await expect.poll(() => app.refreshes()).toBe(1)
  const waited = await page.evaluate(async () => {
    const began = performance.now()
    await window.session.getAccessToken()
    return performance.now() - began
  })
  expect(waited, 'far less than the refresh').toBeLessThan(3_500)
  figure(`waited ${waited.toFixed(1)} ms while a refresh takes 7,000`)
})

test('38 a body is sent again with the same bytes', async ({ app, tabs, figure }) => {
  const page = await tabs.signedIn()
  const bodies = ['json', 'form', 'blob', 'request'] as const
  for (const kind of bodies) {
    app.clear()
    await later(page, 200_000, false)
    app.refuseNext = 1
    const answer = await page.evaluate(async kind => {
      const form = new FormData()
      form.append('file', new Blob(['a\0b'.repeat(1_000)]), 'x.bin')
      const send = {
        json: () => window.authorized('/api', { method: 'POST', body: JSON.stringify({ a: 'ü' }) }),
        form: () => window.authorized('/api', { method: 'POST', body: form }),
        blob: () =>
          window.authorized('/api', { method: 'POST', body: new Blob(['\u0000\u00ff'.repeat(5_000)]) }),
        request: () => window.authorized(new Request('/api', { method: 'POST', body: 'x'.repeat(9) })),
      }
      return (await send[kind]()).status
    }, kind)
    const [first, second] = app.asked.filter(({ path }) => path === '/api')
    expect(answer, kind).toBe(200)
    expect(first?.body.length, kind).toBeGreaterThan(8)
    expect(second?.body.equals(first?.body as Buffer), kind).toBe(true)
  }
  figure(`${bodies.join(', ')}: identical bytes`)
})
