/** The article's link, in the two versions that want opposite things of one option. */
import refresh03 from 'apollo-link-token-refresh-0.3'
import refresh07 from 'apollo-link-token-refresh-0.7'
import type { Client } from '../client.ts'
import type { Login } from '../login.ts'
import { npm } from '../tool.ts'
import { apollo } from './apollo3.ts'

/** What both are told. */
const told = (login: Login) => ({
  accessTokenField: 'jwt_token',
  fetchAccessToken: () => login.renewal(),
  handleFetch: (token: string) => {
    login.token = token
  },
  // The operation goes on with the old token, and the API says no.
  handleError: () => {},
})

export const tokenRefresh03: Client = {
  name: 'apollo-link-token-refresh 0.3',
  version: () => `${npm('apollo-link-token-refresh-0.3')} on ${npm('@apollo/client')}`,
  notes: 'asks before an operation, and not after a refusal. `isTokenValidOrUndefined` must not be async',
  start: async login =>
    apollo(
      login,
      new refresh03.TokenRefreshLink({ ...told(login), isTokenValidOrUndefined: () => login.isFresh }),
    ),
}

export const tokenRefresh07: Client = {
  name: 'apollo-link-token-refresh 0.7',
  version: () => `${npm('apollo-link-token-refresh-0.7')} on ${npm('@apollo/client')}`,
  notes: 'the same, and `isTokenValidOrUndefined` must be async. Neither version runs on Apollo Client 4',
  start: async login =>
    apollo(
      login,
      new refresh07.TokenRefreshLink({ ...told(login), isTokenValidOrUndefined: async () => login.isFresh }),
    ),
}
