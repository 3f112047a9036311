import Router from 'next/router'
import { getJwtToken } from './auth.js'

export function guard() {
// ----
const jwtToken = getJwtToken();
if (!jwtToken) {
  Router.push('/login')
}
// ----
}
