/** Other people's GraphQL clients, without a line of ours in them, against the notes API: they stay signed in. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import { Notes } from '../notes.ts'
import { until } from '../program.ts'
import { Stack } from '../stack.ts'
import { type Asking, type Client, type Stage, stages } from './client.ts'
import { clients } from './clients/index.ts'
import { Login } from './login.ts'

/** What one operation may cost after a logout: more would be a loop. */
const TRIES = 10

let stack: Stack
let notes: Notes
const running: [Client, Login, Asking][] = []

/** The clients beside each other, so that what must pass is waited for together. */
function each(stage: Stage, shown: (login: Login, asking: Asking) => Promise<void>): void {
  describe(stages[stage], { concurrency: true }, () => {
    for (const [at, { name }] of clients.entries()) {
      test(`${name}, client: ${stages[stage]}`, async () => {
        const [, login, asking] = running[at] ?? assert.fail('it did not start')
        await shown(login, asking)
      })
    }
  })
}

/** Until no API takes the token that the client has, and a socket that was opened by it is gone. */
async function expired({ token, visitor, api }: Login, { opened }: Asking): Promise<void> {
  const sockets = opened?.() ?? 0
  const headers = {
    authorization: `Bearer ${token}`,
    cookie: visitor.cookie(),
    'content-type': 'application/json',
  }
  const body = JSON.stringify({ query: '{ notes { id } }' })
  await until(async () => (await fetch(api, { method: 'POST', headers, body })).status === 401)
  if (opened) await until(async () => opened() > sockets)
}

const kid = (login: Login): unknown => decodeProtectedHeader(login.token).kid

// A group of its own, so that it begins when the tests of other files are over.
describe('clients', () => {
  before(async () => {
    stack = await Stack.start({ 'access-ttl': '3s', 'ws-grace': '0.5s' })
    notes = await Notes.start(stack, { 'ws-grace': '0.5s' })
    for (const client of clients) {
      const login = await Login.open(stack.url, notes)
      running.push([client, login, await client.start(login)])
    }
  })
  after(async () => {
    for (const [, , { stop }] of running) await stop?.()
    await notes?.stop()
    await stack?.remove()
  })

  each('sends', (_login, asking) => asking.ask())

  each('expiry', async (login, asking) => {
    await expired(login, asking)
    const before = login.token
    await Promise.all([asking.ask(), asking.ask(), asking.ask()])
    if (!asking.opened) assert.notEqual(login.token, before)
  })

  each('rotation', async (login, asking) => {
    const before = kid(login)
    await stack.command('keys', 'rotate', '--now')
    await expired(login, asking)
    await asking.ask()
    assert.notEqual(kid(login), before)
  })

  each('logout', async (login, asking) => {
    await login.visitor.post('/auth/logout', {})
    const before = login.renewals
    // The token may be good for some milliseconds more, until the API has heard.
    await assert.rejects(async () => {
      for (;;) await asking.ask()
    })
    assert.ok(login.renewals - before <= TRIES, `${login.renewals - before} refreshes`)
  })
})
