import Router from 'next/router'
import { getJwtToken } from './auth'
import { ready } from './tab-sync'

export async function guard() {
  await ready
  const jwtToken = getJwtToken()
  if (!jwtToken) {
    Router.push('/login')
  }
}
