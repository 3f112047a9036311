/** Whether a GraphQL answer blames the access token: as our servers say it, Apollo's and Hasura's. */

interface Blame {
  readonly extensions?: { readonly code?: unknown; readonly action?: unknown } | undefined
}

export const blamesToken = (errors: readonly Blame[] | null | undefined): boolean =>
  !!errors?.some(
    ({ extensions: { code, action } = {} }) =>
      action === 'refresh' || code === 'UNAUTHENTICATED' || code === 'invalid-jwt',
  )
