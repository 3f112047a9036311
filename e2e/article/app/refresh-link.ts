import { TokenRefreshLink } from 'apollo-link-token-refresh'
import { type JwtPayload, jwtDecode } from 'jwt-decode'
import { getJwtToken, getRefreshToken, logout, setJwtToken } from './auth'

export const endpoint = process.env.NEXT_PUBLIC_HASURA_ENDPOINT ?? '/graphql'

interface Claims extends JwtPayload {
  'https://hasura.io/jwt/claims'?: { 'X-User-Fingerprint'?: string }
}
type Answer = {
  data?: { refreshJwtToken: { jwt: string } }
  errors?: [{ message: string; extensions: { code: string; action: string } }]
}

function isTokenValidOrUndefined() {
  const token = getJwtToken()

  // If there is no token, the user is not logged in
  // We return true here, because there is no need to refresh the token
  if (!token) return true

  // Otherwise, we check if the token is expired
  const { exp = 0 } = jwtDecode(token)
  return Date.now() < exp * 1000
}

async function fetchAccessToken(): Promise<Answer> {
  const claims = jwtDecode<Claims>(getJwtToken() ?? '')
  const refreshToken = getRefreshToken()
  const fingerprintHash = claims['https://hasura.io/jwt/claims']?.['X-User-Fingerprint']

  const response = await fetch(endpoint, {
    method: 'POST',
    credentials: 'include',
    headers: {
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({
      query: `
        mutation RefreshJwtToken($refreshToken: String!, $fingerprintHash: String!) {
          refreshJwtToken(refreshToken: $refreshToken, fingerprintHash: $fingerprintHash) {
            jwt
          }
        }
      `,
      variables: {
        refreshToken,
        fingerprintHash,
      },
    }),
  })
  return response.json()
}

function tokenOf({ data, errors }: Answer) {
  if (errors) throw Object.assign(new Error(errors[0].message), errors[0].extensions)
  return { access_token: data?.refreshJwtToken.jwt }
}

function handleError(error: Error & { action?: string }) {
  // A network that is away is no reason to log anybody out
  if (error.action !== 'login') return
  console.warn('Your refresh token is invalid. Try to reauthenticate.')
  logout()
}

export function makeTokenRefreshLink() {
  return new TokenRefreshLink({
    isTokenValidOrUndefined: async () => isTokenValidOrUndefined(),
    // Its types want what `handleResponse` takes to be a Response
    fetchAccessToken: fetchAccessToken as () => Promise<never>,
    handleFetch: setJwtToken,
    handleResponse: () => tokenOf,
    handleError,
  })
}

/** For what does not go through the link: a WebSocket that opens. */
export async function refreshIfExpired() {
  if (isTokenValidOrUndefined()) return
  try {
    setJwtToken(tokenOf(await fetchAccessToken()).access_token ?? null)
  } catch (error) {
    handleError(error as Error)
  }
}
