import { expect, test } from './browser.ts'

test('signs up, signs out and signs in again', async ({ context, visit }) => {
  const visitor = await visit(context)
  const email = await visitor.signUp()

  await visitor.part('logout').click()
  await expect(visitor.part('auth-form')).toBeVisible()
  await expect(visitor.part('session-view')).toBeHidden()

  await visitor.signIn(email)
  await expect(visitor.part('device')).toHaveCount(1)
})

test('says that a name or password is wrong, and not which', async ({ context, visit }) => {
  const visitor = await visit(context)
  await visitor.part('username').fill('nobody@example.org')
  await visitor.submit()
  await expect(visitor.part('error')).toContainText('The name or the password is wrong.')
  await expect(visitor.part('session-view')).toBeHidden()
})

test('says so when the server is not there', async ({ context, visit }) => {
  const visitor = await visit(context)
  await context.route('**/auth/login', route => route.abort('connectionrefused'))
  await visitor.part('username').fill('ann@example.org')
  await visitor.submit()
  await expect(visitor.part('error')).toHaveText('The server cannot be reached.')
})

test('keeps tokens where scripts cannot read them', async ({ context, stack, visit }) => {
  const visitor = await visit(context)
  await visitor.signUp()

  const cookies = await context.cookies(stack.url)
  const secret = { httpOnly: true, secure: true, sameSite: 'Lax', path: '/', domain: 'localhost' }
  expect(cookies).toContainEqual(expect.objectContaining({ name: '__Host-csrt', ...secret }))
  expect(cookies).toContainEqual(expect.objectContaining({ name: '__Host-csfp', ...secret }))
  expect(cookies).toContainEqual(
    expect.objectContaining({ name: '__Host-cshint', ...secret, httpOnly: false }),
  )
  expect(cookies).toHaveLength(3)

  const readable = await visitor.page.evaluate(() => ({
    cookie: document.cookie,
    stored: { ...localStorage, ...sessionStorage },
  }))
  expect(readable.cookie).toMatch(/^__Host-cshint=[^;]+$/)
  // Neither a JWT nor a refresh token, whatever it is called.
  expect(JSON.stringify(readable)).not.toMatch(/eyJ|cs_rt_/)
})
