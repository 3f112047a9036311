/** What the article uses of `next/router`. */
export const Router = {
  push(path: string): void {
    if (location.pathname !== path) location.assign(path)
  },
}

export const useRouter = () => Router
