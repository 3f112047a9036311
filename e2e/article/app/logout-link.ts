import { onError } from '@apollo/client/link/error'
import { logout } from './auth'

export const logoutLink = onError(({ graphQLErrors, networkError }) => {
  const isUnauthorized = networkError && 'statusCode' in networkError && networkError.statusCode === 401
  const isRefused = graphQLErrors?.some(({ extensions }) =>
    ['login', 'refresh'].includes(String(extensions?.action)),
  )
  if (isUnauthorized || isRefused) logout()
})
