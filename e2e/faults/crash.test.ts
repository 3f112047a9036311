/** The server is killed while clients refresh; nobody who is honest may lose a session by it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as passing } from 'node:timers/promises'
import { Stack } from '../stack.ts'
import { Refused, Visitor } from '../visitor.ts'

const clients = 20
const refreshes = 50
const kills = [200, 500, 800]

let stack: Stack
before(async () => {
  stack = await Stack.start({ flight: '0.3s', grace: '1s' })
})
after(() => stack.remove())

test(`${clients * refreshes} refreshes go on through ${kills.length} kills`, {
  timeout: 120_000,
}, async () => {
  const visitors: Visitor[] = []
  for (let i = 0; i < clients; i++) visitors.push((await Visitor.signedUp(stack.url))[0])
  let done = 0
  let lost = 0
  let over = false

  /** One client, which repeats what got no answer, as the SDK does, and gives up when it is told to sign in. */
  const goOn = async (visitor: Visitor) => {
    for (let own = 0; own < refreshes && !over; ) {
      try {
        await visitor.refresh()
        own++
        done++
      } catch (error) {
        if (error instanceof Refused && error.status === 401) throw error
        lost++
      }
      // Each at its own pace: in step, all would pause while the server is away.
      await passing(Math.random() * 200)
    }
  }
  const disturb = async () => {
    for (const at of kills) {
      while (done < at && !over) await passing(5)
      if (over) return
      await stack.kill()
      await stack.start()
    }
  }
  await Promise.all([...visitors.map(goOn), disturb()]).finally(() => {
    over = true
  })
  assert.equal(done, clients * refreshes)
  assert.ok(lost > 0, 'the kills were noticed')
})
