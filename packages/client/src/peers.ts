/** What this tab tells the others. */

import type { Tab } from './tab.ts'

/** The token that it holds. */
export function tellToken({ world, state, isSharing, channel }: Tab): void {
  const { held } = state
  if (!held || !isSharing) return
  const { raw, depth, issued, life, end } = held
  channel.say({
    t: 'token',
    told: [raw, depth, issued, life],
    age: world.now() - end + life,
    sent: world.wall(),
  })
}

/** That its session ended; and no reload asks for it again. */
export function publish({ state: { dead, reason }, line, channel }: Tab): void {
  if (!dead) return
  channel.say({ t: 'out', sid: dead, reason: reason === 'user' ? 'other-tab' : reason })
  line.forget(dead)
}
