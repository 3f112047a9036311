/** Many tabs refresh with one token in the same moment. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as passing } from 'node:timers/promises'
import { Stack } from '../stack.ts'
import { Visitor } from '../visitor.ts'

let stack: Stack
before(async () => {
  stack = await Stack.start({ flight: '0.3s', grace: '1s' })
})
after(() => stack.remove())

/** How many refreshes the server has judged to confirm a token, as it counts them itself. */
async function confirms(key: string): Promise<number> {
  const answer = await fetch(`${stack.url}/metrics`, { headers: { authorization: `Bearer ${key}` } })
  assert.equal(answer.status, 200)
  const count = /^countersign_refresh_total\{.*verdict="confirm".*\} (\d+)/m.exec(await answer.text())
  return Number(count?.[1] ?? 0)
}

test('64 tabs show one refresh token at once: all get the same child, and one confirm is written', async () => {
  const { key } = JSON.parse(await stack.command('keys', 'service', 'add', '--scope', 'metrics', '--json'))
  const [visitor] = await Visitor.signedUp(stack.url)
  await visitor.refresh()
  await passing(1100) // the grace after sign-up, in which nothing needs to be written
  const before = await confirms(key)

  const tabs = Array.from({ length: 64 }, () => visitor.copy())
  const answers = await Promise.all(tabs.map(tab => tab.refresh()))

  assert.deepEqual(new Set(answers.map(answer => answer.session.depth)), new Set([2]))
  assert.equal(new Set(tabs.map(tab => tab.place())).size, 1, 'every tab holds the same child')
  assert.equal((await confirms(key)) - before, 1)

  await passing(1100)
  const next = await Promise.all(tabs.map(tab => tab.refresh()))
  assert.deepEqual(new Set(next.map(answer => answer.session.depth)), new Set([3]), 'every child works')
})
