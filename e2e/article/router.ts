/** What the article uses of `next/router`, whose `Router` is its default export. */
import { useEffect, useState } from 'react'

const router = {
  async push(path: string): Promise<boolean> {
    if (location.pathname !== path) location.assign(path)
    return true
  },
} satisfies Partial<typeof import('next/router').default>

export default router

/** Another object when the state of the route changes: with Next.js when a page is ready, here after the first render. */
export function useRouter(): typeof router {
  const [current, setCurrent] = useState(router)
  useEffect(() => setCurrent({ ...router }), [])
  return current
}
