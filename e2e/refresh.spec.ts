import { expect, test } from './browser.ts'

test('refreshes silently before the access token ends', async ({ context, visit }) => {
  const visitor = await visit(context)
  await visitor.signUp()
  const depth = await visitor.number('depth')
  const token = await visitor.text('token')

  await expect
    .poll(() => visitor.number('depth'), 'the session has moved on by itself')
    .toBeGreaterThan(depth + 1)
  await expect(visitor.part('token')).not.toHaveText(token)
  await expect(visitor.part('session-view')).toBeVisible()
})

test('counts the seconds down', async ({ context, visit }) => {
  const visitor = await visit(context)
  await visitor.signUp()
  await expect(visitor.part('ring')).toBeVisible()
  let shown = await visitor.number('seconds-left')
  // From one look to the next: a silent refresh may start it again at any time.
  const falls = async () => {
    const before = shown
    shown = await visitor.number('seconds-left')
    return shown < before
  }
  await expect.poll(falls, { intervals: [50] }).toBe(true)
})

test('refreshes when asked', async ({ context, visit }) => {
  const visitor = await visit(context)
  await visitor.signUp()
  const token = await visitor.text('token')
  const answer = visitor.page.waitForResponse('**/auth/refresh')
  await visitor.part('refresh-now').click()
  expect((await answer).status()).toBe(200)
  await expect(visitor.part('token')).not.toHaveText(token)
})

test('a reload keeps the session by one refresh', async ({ context, visit }) => {
  const visitor = await visit(context)
  await visitor.signUp()

  let refreshes = 0
  visitor.page.on('request', request => {
    if (request.isNavigationRequest()) refreshes = 0
    if (new URL(request.url()).pathname === '/auth/refresh') refreshes++
  })
  await visitor.page.reload()
  await expect(visitor.part('session-view')).toBeVisible()
  expect(refreshes).toBe(1)
})

test('a visitor without a session costs no request', async ({ context, visit }) => {
  const visitor = await visit(context)
  let requests = 0
  visitor.page.on('request', request => {
    if (new URL(request.url()).pathname.startsWith('/auth/')) requests++
  })
  await visitor.page.reload()
  await expect(visitor.part('auth-form')).toBeVisible()
  expect(requests).toBe(0)
})
