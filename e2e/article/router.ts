/** What the article uses of `next/router`, whose `Router` is its default export. */
const router = {
  async push(path: string): Promise<boolean> {
    if (location.pathname !== path) location.assign(path)
    return true
  },
} satisfies Partial<typeof import('next/router').default>

export default router
export const useRouter = () => router
