/** One process that renders for everybody, and a cache before it: never the data of somebody else. */
import { expect, test } from './app.ts'
import { expectPrivate, somebody } from './cache.ts'

const rounds = 1_000
const atOnce = 16

test('56 Next.js: two users in turn through one process see what is theirs', async ({ app, figure }) => {
  const [ann, ben] = [await somebody(app), await somebody(app)]
  app.road.clear()
  let next = 0
  let wrong = 0
  const ask = async () => {
    for (let at = next++; at < rounds; at = next++) {
      const [one, other] = at % 2 ? [ann, ben] : [ben, ann]
      // Pages, and what the router fetches.
      const headers = { cookie: one.cookie, ...(at % 3 === 0 && { rsc: '1' }) }
      const text = await (await fetch(`${app.url}/notes`, { headers })).text()
      const isRight = text.includes(one.mark) && text.includes(one.sub)
      if (!isRight || text.includes(other.mark) || text.includes(other.sub)) wrong++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, ask))
  expect(wrong).toBe(0)
  expect(app.road.count('/auth/mint')).toBe(rounds)
  expect(app.road.passed.length).toBe(rounds)
  figure(`${rounds} pages, ${rounds} mints, nothing of the other`)
})

test('26 Next.js: a cache before the app stores no page of a session', async ({ app, figure }) => {
  await expectPrivate(app)
  figure('nginx with proxy_cache: scripts from the cache, pages never')
})
