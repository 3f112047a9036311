/** An auth server that takes longer than a page waits. */
import { expect, test, write } from './app.ts'

test.use({ environment: { AUTH_PATIENCE_MS: '1000' } })

test('55 Next.js: with an auth server that is slow the page has its own time-out, and the browser goes on', async ({
  app,
  visits,
  figure,
}) => {
  const { page } = await visits.signedUp()
  await write(page, 'Patience')
  app.road.delay = { path: '/auth/mint', ms: 5_000 }
  const answer = await page.reload({ waitUntil: 'commit' })
  const html = (await answer?.text()) ?? ''
  expect(html).toContain('data-testid="skeleton"')
  expect(html).not.toContain('Patience')
  expect(new URL(page.url()).pathname).toBe('/notes')
  await expect(page.getByTestId('notes')).toContainText('Patience')
  figure('a skeleton after 1 s, then the data, without a detour to the sign-in page')
})
