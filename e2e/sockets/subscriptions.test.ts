/** Subscriptions by the npm package graphql-ws: they live as long as their session, and no longer. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passing } from 'node:timers/promises'
import { Notes } from '../notes.ts'
import { Gateway } from '../program.ts'
import { Stack } from '../stack.ts'
import { Visitor } from '../visitor.ts'
import { Subscriber } from './subscriber.ts'

/** A token lives three seconds, of which up to one has passed when it is signed. */
const LIFE = 2000

let stack: Stack
let notes: Notes
before(async () => {
  const lives = { 'access-ttl': '3s', flight: '0.3s', grace: '1s', 'ws-grace': '1s' }
  const unlimited = { 'login-account-limit': 'off', 'login-address-limit': 'off' }
  stack = await Stack.start({ ...lives, ...unlimited })
  notes = await Notes.start(stack, { 'ws-grace': '1s' })
})
after(async () => {
  await notes.stop()
  await stack.remove()
})

/** Somebody whose newest token is at hand. */
class Page {
  readonly visitor: Visitor
  token: string

  constructor(visitor: Visitor, token: string) {
    this.visitor = visitor
    this.token = token
  }

  static async open(): Promise<Page> {
    const [visitor, session] = await Visitor.signedUp(stack.url)
    return new Page(visitor, session.jwt_token)
  }

  async refresh(): Promise<string> {
    this.token = (await this.visitor.refresh()).jwt_token
    return this.token
  }

  addNote(text: string): Promise<unknown> {
    const mutation = `mutation { addNote(text: ${JSON.stringify(text)}) { id } }`
    return notes.post(mutation, this.token, this.visitor.cookie())
  }
}

/** Something that can be subscribed to, something that makes it tell, and what is told. */
interface Source {
  url: () => string
  query: string
  read: (answer: never) => string
  happen: (page: Page, number: number) => Promise<string>
}

const sources: Record<string, Source> = {
  'the notes API': {
    url: () => notes.url,
    query: 'subscription { noteAdded { text } }',
    read: ({ noteAdded }: { noteAdded: { text: string } }) => noteAdded.text,
    happen: async (page, number) => {
      await page.addNote(`note ${number}`)
      return `note ${number}`
    },
  },
  'the auth server': {
    url: () => stack.url,
    query: 'subscription { sessionEvents { kind sessionId } }',
    read: ({ sessionEvents: { kind, sessionId } }: { sessionEvents: { kind: string; sessionId: string } }) =>
      `${kind} ${sessionId}`,
    happen: async page => {
      const { email, password } = page.visitor
      const session = await new Visitor(stack.url).post('/auth/login', { email, password })
      return `login ${session.session.id}`
    },
  },
}

for (const [name, source] of Object.entries(sources)) {
  describe(name, () => {
    test('a subscription lives through five silent refreshes on one socket, and no event is lost or doubled', async () => {
      const page = await Page.open()
      const subscriber = new Subscriber(source.url(), page.visitor, () => page.token)
      const answers = subscriber.subscribe(source.query)
      const told: string[] = []
      const telling = (async () => {
        for await (const answer of answers) told.push(source.read(answer as never))
      })()
      // Whatever ends it is looked at below.
      telling.catch(() => {})
      await until(() => subscriber.opened === 1)
      if (name === 'the auth server') await until(() => told.shift()?.startsWith('subscribed') ?? false)

      const happened: string[] = []
      for (let refresh = 0; refresh < 5; refresh++) {
        const due = performance.now() + LIFE
        while (performance.now() < due) {
          happened.push(await source.happen(page, happened.length))
          await passing(100)
        }
        assert.equal(await subscriber.reauth(await page.refresh()), true)
      }
      await until(() => told.length >= happened.length)
      assert.deepEqual(told, happened)
      assert.deepEqual([subscriber.opened, subscriber.closes], [1, []])

      await page.visitor.post('/auth/logout', {})
      await assert.rejects(telling, 'no token opens another socket')
      assert.deepEqual(subscriber.closes[0], { code: 4403, reason: 'SESSION_ENDED' })
    })
  })
}

test('without a newer token the stock client connects again by itself', async () => {
  const page = await Page.open()
  const subscriber = new Subscriber(notes.url, page.visitor, () => page.refresh())
  let last: string[] = []
  const telling = (async () => {
    type Answer = { notes: { text: string }[] }
    for await (const answer of subscriber.subscribe<Answer>('subscription { notes { text } }')) {
      last = answer.notes.map(note => note.text)
    }
  })()
  const written: string[] = []
  while (subscriber.opened < 3) {
    // The page goes on to refresh for itself; the socket is shown none of it.
    await page.refresh()
    written.push(`note ${written.length}`)
    await page.addNote(written.at(-1) ?? '')
    await passing(500)
  }
  await until(() => last.length === written.length)
  assert.deepEqual(last, written)
  const expired = { code: 4403, reason: 'TOKEN_EXPIRED' }
  assert.deepEqual(subscriber.closes.slice(0, 2), [expired, expired])
  await subscriber.close()
  await telling
})

test('clients are pinged; programs that end say so, and a client connects again as soon as there is one', async () => {
  const server = await Stack.start()
  const api = await Notes.start(server)
  // The API is a verifier as well, and asks for the fingerprint.
  const flags = { upstream: api.url, origins: server.url, 'pass-fingerprint-cookie': 'on' }
  const gateway = await Gateway.start(server, flags)
  const [visitor, session] = await Visitor.signedUp(server.url)
  const open = async (url: string, query: string, retryAttempts: number) => {
    // By itself the stock client gives up when nothing listens there.
    const patience = { retryAttempts, shouldRetry: () => true }
    const subscriber = new Subscriber(url, visitor, () => session.jwt_token, patience)
    const answers = subscriber.subscribe(query)
    await answers.next()
    // Until it is closed below.
    answers.next().catch(() => {})
    return subscriber
  }
  const notes = 'subscription { notes { text } }'
  const patient = await open(server.url, 'subscription { sessionEvents { kind } }', Number.POSITIVE_INFINITY)
  const ends: [() => Promise<void>, Subscriber][] = [
    [() => gateway.stop(), await open(gateway.url, notes, 0)],
    [() => api.stop(), await open(api.url, notes, 0)],
    [() => server.stop(), patient],
  ]
  // Each asks whether its clients are there.
  await until(() => ends.every(([, { pings }]) => pings > 0))
  for (const [end, subscriber] of ends) {
    await end()
    await until(() => subscriber.closes.length > 0)
    assert.deepEqual(subscriber.closes[0], { code: 1001, reason: 'Going away' })
  }
  await server.start()
  await until(() => patient.opened === 2)
  await patient.close()
  await server.remove()
})

/** Waits for something that another process does; the test runner's limit is the only one. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await passing(10)
}
