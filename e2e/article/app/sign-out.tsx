import { gql, useApolloClient, useMutation } from '@apollo/client'
import Router from 'next/router'
import { useEffect, useRef } from 'react'
import { setJwtToken, setRefreshToken } from './auth'

const SignOutMutation = gql`
  mutation SignOutMutation {
    signout {
      ok
    }
  }
`

export function SignOut() {
  const client = useApolloClient()
  const [signOut] = useMutation(SignOutMutation)
  const isBegun = useRef(false)

  useEffect(() => {
    if (isBegun.current) return
    isBegun.current = true
    // Clear the JWT and refresh token so that Apollo doesn't try to use them
    setJwtToken(null)
    setRefreshToken(null)
    // to support logging out from all windows
    window.localStorage.setItem('logout', String(Date.now()))
    // The server knows the session by the fingerprint cookie. Whether it can be reached or not, this tab is signed out
    signOut()
      .catch(console.warn)
      .finally(() => client.clearStore())
      .finally(() => Router.push('/signin'))
  }, [signOut, client])

  return <p>Signing out...</p>
}
