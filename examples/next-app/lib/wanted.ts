/** The page to go to after signing in: one of ours, whatever the address says. */
export function wanted(next: unknown): string {
  if (typeof next !== 'string' || !/^\/(?![/\\])[^\\\s]*$/.test(next)) return '/notes'
  const { origin, pathname, search } = new URL(next, 'http://app')
  return origin === 'http://app' ? pathname + search : '/notes'
}
