import type {} from './pages/events.ts'
import { expect, expectStatus, password, reason, signUp, tabsOf, test } from './scenario.ts'

test.use({ flags: { 'access-ttl': '5s', flight: '1s', grace: '3s' } })

test('65 graphql-ws at the auth server itself: what happens elsewhere is told on one socket, until a log-out there ends this session too', async ({
  app,
  browser,
  tabs,
  figure,
}) => {
  app.csp = `default-src 'self'; connect-src 'self' ${app.stack.url.replace('http', 'ws')}`
  const page = await tabs.open(`/events?auth=${app.stack.url}`)
  const username = await signUp(page)
  await page.evaluate(() => void window.subscribe())
  const kinds = () => page.evaluate(() => window.heard.map(({ kind }) => kind))
  await expect.poll(kinds).toEqual(['subscribed'])

  const context = await browser.newContext()
  const phone = await tabsOf(app, context).open()
  const enter = () =>
    phone.evaluate(([username, password]) => window.session.signIn({ username, password }), [
      username,
      password,
    ] as const)
  const happened = ['subscribed']
  while (app.refreshes() < 3) {
    await enter()
    await phone.evaluate(() => window.session.signOut())
    happened.push('login', 'logout')
    await expect.poll(kinds).toEqual(happened)
    await page.waitForTimeout(200)
  }
  const ids = await page.evaluate(() => window.heard.slice(1).map(({ id }) => id))
  expect(new Set(ids).size).toBe(ids.length)
  expect(await page.evaluate(() => window.sockets)).toBe(1)

  await enter()
  const left = Date.now()
  await phone.evaluate(() => window.session.signOut({ scope: 'all' }))
  await expectStatus(page, 'signedOut')
  expect(await reason(page)).toBe('logout')
  const took = Math.round((await page.evaluate(() => window.out)) - left)
  figure(
    `${app.refreshes()} requests for tokens, ${ids.length} events, 0 lost, 0 doubled, 1 socket; the log-out took ${took} ms`,
  )
  await context.close()
})
