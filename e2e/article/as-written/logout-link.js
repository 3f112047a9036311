import Router from 'next/router'
import { setJwtToken, setRefreshToken } from './auth.js'

// The article calls it, and does not show it.
function logout() {
    setJwtToken("")
    setRefreshToken("")
    Router.push("/login")
}
// ----
import { onError } from 'apollo-link-error';

const logoutLink = onError(({ networkError }) => {
    if (networkError.statusCode === 401) logout();
})
// ----
export { logoutLink }
