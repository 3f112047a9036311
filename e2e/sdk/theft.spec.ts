import { Visitor } from '../visitor.ts'
import { expect, expectStatus, later, reason, test } from './scenario.ts'

const life = 900_000

test.use({ flags: { 'access-ttl': '900s', flight: '0.3s', grace: '1s' } })

test('30 a stolen refresh token ends the session, and the tabs say why', async ({
  app,
  context,
  tabs,
  figure,
}) => {
  const [one, two] = [await tabs.signedIn(), await tabs.open()]
  await expectStatus(two, 'signedIn')
  const copied = (await context.cookies()).map(({ name, value }) => [name, value] as [string, string])
  const thief = new Visitor(app.stack.url, copied)
  for (let i = 0; i < 3; i++) {
    await one.waitForTimeout(1_500)
    await one.evaluate(() => window.session.refresh())
  }
  await one.waitForTimeout(1_500)
  await expect(thief.refresh()).rejects.toMatchObject({ code: 'SESSION_ENDED' })
  await later(one, life + 1_000)
  for (const page of [one, two]) {
    await expectStatus(page, 'signedOut')
    expect(await reason(page)).toBe('reuse')
  }
  figure('both tabs signed out with reason reuse')
})
