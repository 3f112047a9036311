/** What a program holds of its tab. */

import { adopt, signIn, signOut } from './entering.ts'
import { listen } from './listeners.ts'
import { listenOutside } from './outside.ts'
import { tokenOf } from './refresh.ts'
import { tabOf } from './tab.ts'
import type { Held } from './token.ts'
import type { Claims, Session, SessionOptions, Snapshot, TokenOptions } from './types.ts'

export function createSession<C extends Claims = Claims>(options: SessionOptions = {}): Session<C> {
  const tab = tabOf(options)
  const first = tab.shown
  const snapshot = () => tab.shown as Snapshot<C>
  let unlisten: (() => void) | undefined

  function begin(): void {
    tab.check()
    unlisten ??= listenOutside(tab)
  }

  const token = async (wanted: TokenOptions = {}, old?: Held | null) => {
    begin()
    return tokenOf(tab, wanted, old)
  }

  return {
    start: async () => {
      begin()
      return tab.until(() => {
        tab.check()
        return tab.state.phase === 'pending' ? undefined : snapshot()
      })
    },
    getSnapshot: snapshot,
    getServerSnapshot: () => first as Snapshot<C>,
    subscribe: listen(tab.onSnapshot),
    onToken: listen(tab.onToken),
    onIdentity: listen(tab.onIdentity),
    getAccessToken: wanted => token(wanted),
    peekAccessToken: tab.peek,
    remainingMs: tab.remaining,
    refresh: async () => {
      await token()
      await token({}, tab.state.held)
      return snapshot()
    },
    signIn: async (credentials, { path = 'login', signal } = {}) => {
      begin()
      await signIn(tab, credentials, path, signal)
      return snapshot()
    },
    adopt: answer => {
      begin()
      adopt(tab, answer)
      return snapshot()
    },
    signOut: async ({ scope = 'this' } = {}) => {
      begin()
      await signOut(tab, scope)
    },
    hold: () => {
      let held = 1
      tab.holds++
      tab.schedule()
      return () => {
        tab.holds -= held
        held = 0
      }
    },
    close: () => {
      unlisten?.()
      tab.close()
    },
  }
}
