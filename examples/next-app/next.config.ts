import { resolve } from 'node:path'
import type { NextConfig } from 'next'

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  // `scripts/check` runs the compiler over this folder, with the others.
  typescript: { ignoreBuildErrors: true },
  // The package of the SDK is a folder beside this one.
  turbopack: { root: resolve(import.meta.dirname, '../..') },
  redirects: async () => [
    { source: '/login', destination: '/signin', permanent: false },
    { source: '/register', destination: '/signup', permanent: false },
    { source: '/logout', destination: '/signout', permanent: false },
  ],
}

export default config
