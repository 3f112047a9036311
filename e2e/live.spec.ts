import { createServer } from 'node:net'
import { expect, test, type Visit } from './browser.ts'
import { Notes } from './notes.ts'
import { Stack } from './stack.ts'

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

test('one socket lives through silent refreshes, each of which is shown to it', async ({
  context,
  visit,
}) => {
  const visitor = await visit(context)
  let sockets = 0
  visitor.page.on('websocket', () => {
    sockets += 1
  })
  await visitor.signUp()
  await expect(visitor.part('live')).toHaveAttribute('data-state', 'open')
  await expect(visitor.part('renewals')).toHaveText('2')
  expect(sockets).toBe(1)
})

twoDevices('tells at once what happens on another device', async ({ laptop, phone }) => {
  await expect(laptop.part('heard').getByText('Signed in')).toBeVisible()
  await expect(laptop.part('device')).toHaveCount(2)
  await phone.part('logout').click()
  await expect(laptop.part('heard').getByText('Logged out')).toBeVisible()
  await expect(laptop.part('device')).toHaveCount(1)
})

twoDevices('is cut when the user logs out everywhere on another device', async ({ laptop, phone }) => {
  await expect(laptop.part('live')).toHaveAttribute('data-state', 'open')
  // Nothing that the laptop asks by itself would find it out: only the socket does.
  await laptop.page.route('**/auth/{sessions,events}*', route => route.abort())
  await phone.part('logout-all').click()
  await expect(laptop.part('cut')).toHaveText(/4403 SESSION_ENDED/)
  await expect(laptop.part('ended-reason')).toBeVisible()
  await expect(laptop.part('session-view')).toBeHidden()
  await expect(phone.part('cut')).toBeHidden()
})

test('a log-out here is no news to the page itself', async ({ context, visit }) => {
  const visitor = await visit(context)
  await visitor.signUp()
  await expect(visitor.part('live')).toHaveAttribute('data-state', 'open')
  await visitor.part('logout').click()
  await expect(visitor.part('ended-reason')).toContainText('You are logged out')
})

/** With the notes API beside the server, each of which has to know the other's address. */
const withNotes = twoDevices.extend<object, { stack: Stack }>({
  stack: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of what a fixture needs from here
    async ({}, use) => {
      const port = await freePort()
      const stack = await Stack.start({ 'demo-api': `http://localhost:${port}` })
      const notes = await Notes.start(stack, { listen: `127.0.0.1:${port}` })
      await use(stack)
      await notes.stop()
      await stack.remove()
    },
    { scope: 'worker' },
  ],
})

withNotes('shows the notes of another API live, until the session ends', async ({ laptop, phone }) => {
  for (const visitor of [laptop, phone]) {
    await expect(visitor.part('notes')).toHaveAttribute('data-state', 'open')
  }
  await laptop.part('note-text').fill('milk')
  await laptop.part('note-add').click()
  await expect(phone.part('note')).toContainText('milk')
  await phone.part('note').getByRole('button', { name: 'Remove the note milk' }).click()
  await expect(laptop.part('note')).toHaveCount(0)
  await phone.part('logout-all').click()
  await expect(laptop.part('cut')).toHaveText(/4403 SESSION_ENDED/)
  await expect(laptop.part('notes')).not.toHaveAttribute('data-state', 'open')
})

/** A port that nobody has; whoever asks next gets it too, unless it is taken meanwhile. */
function freePort(): Promise<number> {
  return new Promise((found, refuse) => {
    const server = createServer()
    server.once('error', refuse)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => found(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
