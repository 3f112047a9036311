import { initializeApollo } from './apollo-client'
import { logout } from './auth'

export const watch = {
  start() {
    window.addEventListener('storage', this.syncLogout)
  },
  syncLogout(event: StorageEvent) {
    if (event.key === 'logout') {
      console.log('logged out from storage!')
      initializeApollo().clearStore()
      logout()
    }
  },
}
