import { gql } from '@apollo/client'
import { createApolloClient } from './apollo-client'

const Me = gql`
  query Me {
    me {
      id
      email
    }
  }
`

/** What a page shows of whoever sent this request, and the headers that it must be sent with. */
export async function serverSideProps(auth: string, request: Headers) {
  const headers = new Headers({ 'Cache-Control': 'private, no-store' })
  const cookie = request.get('cookie') ?? ''
  // A page that is fetched in advance must not use the refresh token up
  const isPrefetch = request.get('sec-purpose')?.startsWith('prefetch')
  if (isPrefetch || !cookie.includes('__Host-csrt=')) return { headers, initialApolloState: null }

  // The SSR server uses the refresh_token cookie to get a new JWT for the user
  const refreshed = await fetch(`${auth}/auth/refresh`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Countersign': '1', cookie },
    body: '{}',
  })
  if (!refreshed.ok) return { headers, initialApolloState: null }
  const { jwt_token } = await refreshed.json()
  // … and must send the latest refresh token cookie, so that the browser can use it
  for (const cookie of refreshed.headers.getSetCookie()) headers.append('Set-Cookie', cookie)

  // The SSR server uses the new JWT token and makes all the authenticated GraphQL requests
  const fingerprint = /__Host-csfp=[^;]+/.exec(cookie)?.[0] ?? ''
  const client = createApolloClient(() => ({ Authorization: `Bearer ${jwt_token}`, cookie: fingerprint }))
  await client.query({ query: Me })
  return { headers, initialApolloState: client.extract() }
}
