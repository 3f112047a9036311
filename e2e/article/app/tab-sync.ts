import Router from 'next/router'
import { getJwtToken, getRefreshToken, setJwtToken, setRefreshToken } from './auth'

function askOtherTabs(): Promise<void> {
  const tabs = new BroadcastChannel('tokens')
  let isLate = false
  return new Promise(done => {
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
}

/** When the tokens of another tab are here, or no tab has answered. A server has none. */
export const ready = typeof window === 'undefined' ? Promise.resolve() : askOtherTabs()
