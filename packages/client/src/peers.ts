/** What this tab tells the others. */

import type { Tab } from './tab.ts'
import { telling } from './token.ts'

/** The token that it holds. */
export function tellToken({ world, state: { held }, isSharing, peers, peek }: Tab): void {
  if (held && isSharing && peek())
    peers.say({ t: 'token', told: telling(held), born: world.wall() - world.now() + held.asked })
}

/** That its session ended; and no reload asks for it again. */
export function tellEnd({ state: { dead, reason }, line, peers }: Tab): void {
  if (!dead) return
  peers.say({ t: 'out', sid: dead, reason: reason === 'user' ? 'other-tab' : reason })
  line.forget(dead)
}
