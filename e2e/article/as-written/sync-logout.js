import Router from 'next/router'

export const watch = {
start() {
// ----
window.addEventListener('storage', this.syncLogout)
// ----
},
// ----
syncLogout (event) {
  if (event.key === 'logout') {
    console.log('logged out from storage!')
    Router.push('/login')
  }
}
// ----
}
