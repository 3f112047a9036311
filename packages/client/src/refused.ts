/** Whether a GraphQL answer blames the access token: our codes, and what other servers say. */

const codes = new Set(['CLAIMS_STALE', 'TOKEN_EXPIRED', 'TOKEN_INVALID', 'UNAUTHENTICATED', 'invalid-jwt'])

interface Blame {
  readonly extensions?: { readonly code?: unknown; readonly action?: unknown } | undefined
}

export const blamesToken = (errors: readonly Blame[] | null | undefined): boolean =>
  !!errors?.some(({ extensions }) => extensions?.action === 'refresh' || codes.has(String(extensions?.code)))
