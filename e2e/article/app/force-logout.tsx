import { gql, useMutation } from '@apollo/client'
import { logout } from './auth'

const SignOutEverywhere = gql`
  mutation SignOutEverywhere {
    signoutEverywhere {
      ok
    }
  }
`

export function ForceLogout() {
  const [signOutEverywhere] = useMutation(SignOutEverywhere)
  return (
    <button type="button" onClick={() => signOutEverywhere().then(logout)}>
      Force Logout
    </button>
  )
}
