import { expect, test, type Visit } from './browser.ts'

/** The same user on two devices: two browser contexts share no cookies. */
const twoDevices = test.extend<{ laptop: Visit; phone: Visit }>({
  laptop: async ({ browser, visit }, use) => {
    const context = await browser.newContext()
    await use(await visit(context))
    await context.close()
  },
  phone: async ({ browser, laptop, visit }, use) => {
    const email = await laptop.signUp()
    const context = await browser.newContext()
    const phone = await visit(context)
    await phone.signIn(email)
    await use(phone)
    await context.close()
  },
})

twoDevices('shows every device, and which is this one', async ({ laptop, phone }) => {
  for (const visitor of [laptop, phone]) {
    await expect(visitor.part('device')).toHaveCount(2)
    await expect(visitor.page.locator('[data-testid=device][data-current=true]')).toHaveCount(1)
  }
})

twoDevices('logs out another device', async ({ laptop, phone }) => {
  await phone.page
    .locator('[data-testid=device]:not([data-current=true])')
    .getByTestId('device-logout')
    .click()
  await expect(laptop.part('ended-reason')).toBeVisible()
  await expect(laptop.part('session-view')).toBeHidden()
  await expect(phone.part('device')).toHaveCount(1)
})

twoDevices('logs out the others and stays', async ({ laptop, phone }) => {
  await laptop.part('logout-others').click()
  await expect(phone.part('ended-reason')).toBeVisible()
  await expect(laptop.part('device')).toHaveCount(1)
  await expect(laptop.part('session-view')).toBeVisible()
})

twoDevices('logs out everywhere', async ({ laptop, phone }) => {
  await laptop.part('logout-all').click()
  await expect(laptop.part('auth-form')).toBeVisible()
  await expect(phone.part('ended-reason')).toBeVisible()
  await expect(phone.part('session-view')).toBeHidden()
})

test('a sign-out reaches the other tabs', async ({ context, visit }) => {
  const tab = await visit(context)
  await tab.signUp()
  const other = await visit(context)
  await expect(other.part('session-view')).toBeVisible()

  await tab.part('logout').click()
  await expect(other.part('session-view')).toBeHidden()
  expect((await context.cookies()).map(cookie => cookie.name)).not.toContain('__Host-csrt')
})
