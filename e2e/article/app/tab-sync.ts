import { Router } from 'next/router'
import { getJwtToken, getRefreshToken, setJwtToken, setRefreshToken } from './auth'

const tabs = new BroadcastChannel('tokens')
let isLate = false

/** When the tokens of another tab are here, or no tab has answered. */
export const ready = new Promise<void>(done => {
  tabs.addEventListener('message', ({ data }) => {
    const [jwt, refreshToken] = [getJwtToken(), getRefreshToken()]
    if (data === 'ask') {
      // Some tab asked for the tokens -> send them
      if (jwt && refreshToken) tabs.postMessage({ jwt, refreshToken })
    } else if (!jwt) {
      setJwtToken(data.jwt)
      setRefreshToken(data.refreshToken)
      done()
      if (isLate) Router.push('/')
    }
  })
  if (getJwtToken()) return done()
  tabs.postMessage('ask')
  setTimeout(() => {
    isLate = true
    done()
  }, 300)
})
