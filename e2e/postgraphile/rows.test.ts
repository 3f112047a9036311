/** PostGraphile with row-level security, which knows of its callers only what the gateway says. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { freePort, Gateway, Program } from '../program.ts'
import { Stack } from '../stack.ts'
import { Visitor } from '../visitor.ts'
import { Database } from './database.ts'

const folder = import.meta.dirname
let database: Database
let postgraphile: Program
let stack: Stack
let gateway: Gateway

before(async () => {
  database = await Database.start()
  await database.apply(join(folder, 'schema.sql'))
  const port = await freePort()
  const environment = { DATABASE_URL: database.url('authenticator'), PORT: `${port}` }
  postgraphile = new Program(join(folder, 'node_modules/.bin/postgraphile'), [], environment, folder)
  await postgraphile.listens(port)
  stack = await Stack.start()
  gateway = await Gateway.start(stack, { upstream: `http://127.0.0.1:${port}`, identity: 'variables' })
})

after(async () => {
  await Promise.all([gateway?.stop(), postgraphile?.stop()])
  await Promise.all([stack?.remove(), database?.stop()])
})

interface Note {
  owner: string
  text: string
}
interface Answer {
  data?: { allNotes: { nodes: Note[] } }
  errors?: { message: string }[]
  error?: { code: string }
}

const NOTES = '{ allNotes { nodes { owner text } } }'
const CREATE = 'mutation ($note: NoteInput!) { createNote(input: { note: $note }) { note { id } } }'

/** Somebody with an account, and the headers that say so. */
class Person {
  readonly visitor: Visitor
  readonly id: string
  readonly headers: Record<string, string>

  private constructor(visitor: Visitor, id: string, token: string) {
    this.visitor = visitor
    this.id = id
    const cookie = [...visitor.cookies].map(pair => pair.join('=')).join('; ')
    this.headers = { authorization: `Bearer ${token}`, cookie }
  }

  static async come(): Promise<Person> {
    const [visitor, session] = await Visitor.signedUp(stack.url)
    const claims = JSON.parse(Buffer.from(session.jwt_token.split('.')[1] ?? '', 'base64url').toString())
    return new Person(visitor, claims.sub, session.jwt_token)
  }

  async ask(query: string, variables = {}, lies: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { ...this.headers, ...lies, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
    return response.json()
  }

  async notes(lies = {}): Promise<Note[] | undefined> {
    return (await this.ask(NOTES, {}, lies)).data?.allNotes.nodes
  }
}

test('everybody sees exactly their own rows, and nobody any after the logout', async () => {
  const [ann, ben] = await Promise.all([Person.come(), Person.come()])
  for (const [person, text] of [
    [ann, 'a'],
    [ann, 'b'],
    [ben, 'c'],
  ] as const) {
    assert.equal((await person.ask(CREATE, { note: { text } })).errors, undefined)
  }
  const [of_ann, of_ben] = [
    [
      { owner: ann.id, text: 'a' },
      { owner: ann.id, text: 'b' },
    ],
    [{ owner: ben.id, text: 'c' }],
  ]
  assert.deepEqual(await ann.notes(), of_ann)
  assert.deepEqual(await ben.notes(), of_ben)
  const forged = await ben.ask(CREATE, { note: { text: 'd', owner: ann.id } })
  assert.match(forged.errors?.[0]?.message ?? '', /row-level security|error occurred/i)

  const lies = { 'X-Hasura-User-Id': ann.id, x_hasura_user_id: ann.id, 'x-hasura-role': 'user' }
  assert.deepEqual(await ben.notes(lies), of_ben)

  await ann.visitor.post('/auth/logout', {})
  let answer = await ann.ask(NOTES)
  for (const end = Date.now() + 10_000; answer.data && Date.now() < end; ) answer = await ann.ask(NOTES)
  assert.deepEqual([answer.data, answer.error?.code], [undefined, 'SESSION_ENDED'])
  assert.deepEqual(await ben.notes(), of_ben)
})

test('a WebSocket sees the same rows, and is closed by the logout', async () => {
  const [ann, ben] = await Promise.all([Person.come(), Person.come()])
  await ann.ask(CREATE, { note: { text: 'mine' } })
  await ben.ask(CREATE, { note: { text: 'not yours' } })
  // Node takes headers, which the type of browsers does not have.
  const how = {
    protocols: 'graphql-transport-ws',
    headers: { cookie: ann.headers.cookie },
  } as unknown as string
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, how)
  const heard = async () => JSON.parse((await once(socket, 'message'))[0].data)
  await once(socket, 'open')
  const { authorization } = ann.headers
  const payload = { headers: { authorization, 'X-Hasura-User-Id': ben.id }, x_hasura_user_id: ben.id }
  socket.send(JSON.stringify({ type: 'connection_init', payload }))
  assert.equal((await heard()).type, 'connection_ack')
  socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: NOTES } }))
  const { payload: result } = await heard()
  assert.deepEqual(result.data.allNotes.nodes, [{ owner: ann.id, text: 'mine' }])

  const closed = once(socket, 'close')
  await ann.visitor.post('/auth/logout', {})
  const [{ code, reason }] = await closed
  assert.deepEqual([code, reason], [4403, 'SESSION_ENDED'])
})
