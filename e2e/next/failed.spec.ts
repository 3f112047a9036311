/** Without scripts, while the auth server or the API fails: whoever sent a form is told. */
import { enter, expect, test } from './app.ts'

// Nobody listens there.
test.use({ environment: { NOTES_API: 'http://127.0.0.1:1' } })

test('without scripts a form that failed says so, in words of the page', async ({ app, visits }) => {
  const browser = await visits.browser({ javaScriptEnabled: false })
  const page = await visits.open('/signup?next=%2Fdevices', browser)
  const alert = page.getByRole('alert')
  const away = 'The server cannot be reached now. Try again.'
  const name = `plain-${Date.now().toString(36)}`
  app.road.fault = { path: '/auth/signup', status: 502 }
  await enter(page, `${name}@example.org`)
  await expect(alert).toHaveText(away)
  app.road.fault = undefined
  await page.fill('[name=name]', name)
  await enter(page, `${name}@example.org`)
  await expect(page).toHaveURL(`${app.url}/devices`)

  app.road.fault = { path: '/auth/logout/all' }
  await page.getByTestId('everywhere').click()
  await expect(page).toHaveURL(`${app.url}/devices?error=UNAVAILABLE`)
  await expect(alert).toHaveText(away)
  await expect(page.getByTestId('devices')).toContainText('this one')

  await page.goto(`${app.url}/notes`)
  await expect(alert).toHaveCount(0)
  for (const fault of [undefined, { path: '/auth/mint', status: 503 }]) {
    app.road.fault = undefined
    await page.goto(`${app.url}/notes`)
    await page.fill('[name=text]', 'Lost')
    app.road.fault = fault
    await page.click('main form button')
    await expect(page).toHaveURL(`${app.url}/notes?error=UNAVAILABLE`)
    await expect(alert).toHaveText(away)
  }

  app.road.fault = { path: '/auth/logout', status: 503 }
  await page.goto(`${app.url}/devices`)
  await page.getByTestId('sign-out').click()
  await expect(page).toHaveURL(`${app.url}/signout?error=UNAVAILABLE`)
  await expect(alert).toHaveText(away)
  app.road.fault = undefined
  await page.click('main form button')
  await expect(page).toHaveURL(`${app.url}/signin`)

  await page.goto(`${app.url}/signin?next=%2Fdevices`)
  app.road.fault = { path: '/auth/login' }
  await enter(page, name)
  await expect(page).toHaveURL(`${app.url}/signin?next=%2Fdevices&error=UNAVAILABLE`)
  await expect(alert).toHaveText(away)
  app.road.fault = undefined
  await enter(page, name)
  await expect(page).toHaveURL(`${app.url}/devices`)
})

test('nothing of an address is shown', async ({ app, visits }) => {
  const browser = await visits.browser({ javaScriptEnabled: false })
  const page = await visits.open('/signin', browser)
  for (const error of ['Call us on 555-0100', 'constructor', 'UNAVAILABLE&error=FAILED']) {
    await page.goto(`${app.url}/signin?error=${error}`)
    await expect(page.locator('main h1')).toHaveText('Welcome back')
    await expect(page.getByRole('alert')).toHaveCount(0)
  }
})
