import Router from 'next/router'

// Short duration JWT token (5-10 min)
export function getJwtToken() {
  return sessionStorage.getItem('jwt')
}

export function setJwtToken(token: string | null) {
  if (token) sessionStorage.setItem('jwt', token)
  else sessionStorage.removeItem('jwt')
}

// Longer duration refresh token (30-60 min)
export function getRefreshToken() {
  return sessionStorage.getItem('refreshToken')
}

export function setRefreshToken(token: string | null) {
  if (token) sessionStorage.setItem('refreshToken', token)
  else sessionStorage.removeItem('refreshToken')
}

export async function login({ jwt_token, refresh_token }: { jwt_token: string; refresh_token: string }) {
  setJwtToken(jwt_token)
  setRefreshToken(refresh_token)
  Router.push('/')
}

export function logout() {
  setJwtToken(null)
  setRefreshToken(null)
  Router.push('/login')
}
