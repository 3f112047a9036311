/** Signing keys change while clients refresh and ask an API: nobody honest is refused, and a withdrawn key is. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import { Gateway, until } from '../program.ts'
import { Echo } from '../proxies/echo.ts'
import { Stack } from '../stack.ts'
import { type Session, Visitor } from '../visitor.ts'

const clients = 8

let stack: Stack
let api: Echo
let gateway: Gateway
before(async () => {
  stack = await Stack.start()
  api = await Echo.start()
  gateway = await Gateway.start(stack, { upstream: `http://${api.address}` })
})
after(async () => {
  await gateway?.stop()
  api?.stop()
  await stack?.remove()
})

const kidOf = (session: Session) => decodeProtectedHeader(session.jwt_token).kid ?? ''

async function ask(
  visitor: Visitor,
  session: Session,
): Promise<{ status: number; code: string | undefined }> {
  const headers = {
    authorization: `Bearer ${session.jwt_token}`,
    cookie: [...visitor.cookies].map(pair => pair.join('=')).join('; '),
  }
  const response = await fetch(gateway.url, { headers })
  const answer = await response.json()
  return { status: response.status, code: answer.error?.code }
}

test('keys rotate under load, and no request is refused', { timeout: 120_000 }, async t => {
  const seen = new Set<string>()
  const refusals: string[] = []
  let asked = 0
  let over = false

  /** One client: a request with the newest token and one with an older one, over and over. */
  const goOn = async () => {
    let [visitor, session] = await Visitor.signedUp(stack.url)
    const first = session
    seen.add(kidOf(first))
    while (!over) {
      for (const shown of [first, session]) {
        const { status, code } = await ask(visitor, shown)
        if (status !== 200) refusals.push(`${status} ${code} by ${kidOf(shown)}`)
        asked++
      }
      session = await visitor.refresh()
      seen.add(kidOf(session))
    }
  }
  const rotate = async () => {
    await until(async () => asked > clients)
    for (let rotations = 1; rotations <= 3; rotations++) {
      await stack.command('keys', 'rotate', '--now')
      await until(async () => seen.size > rotations)
    }
  }
  const load = Promise.all(Array.from({ length: clients }, goOn))
  await rotate().finally(() => {
    over = true
  })
  await load
  t.diagnostic(`${asked} requests while ${seen.size} keys signed`)
  assert.equal(seen.size, 4)
  assert.deepEqual(refusals, [])
})

test('every token of a withdrawn key is refused, and whoever refreshes goes on', async t => {
  const signedUp = await Promise.all(Array.from({ length: clients }, () => Visitor.signedUp(stack.url)))
  const [first] = signedUp
  assert.ok(first)
  const kid = kidOf(first[1])
  for (const [visitor, session] of signedUp) {
    assert.equal(kidOf(session), kid)
    assert.equal((await ask(visitor, session)).status, 200)
  }

  await stack.command('keys', 'withdraw', kid)
  const withdrawn = performance.now()
  await until(async () => (await ask(...first)).status === 401)
  t.diagnostic(`refused ${Math.round(performance.now() - withdrawn)} ms after the command had ended`)

  for (const [visitor, session] of signedUp) {
    assert.deepEqual(await ask(visitor, session), { status: 401, code: 'TOKEN_INVALID' })
    const renewed = await visitor.refresh()
    assert.notEqual(kidOf(renewed), kid)
    assert.equal((await ask(visitor, renewed)).status, 200)
  }
})
