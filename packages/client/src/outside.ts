/** What a tab learns from outside: other tabs, the hint, the page. */

import type { Message } from './channel.ts'
import { finish, leave } from './leaving.ts'
import * as machine from './machine.ts'
import { tellToken } from './peers.ts'
import { take } from './refresh.ts'
import type { Tab } from './tab.ts'
import { hold } from './token.ts'
import type { EndReason } from './types.ts'

/** Another tab says something. */
export function hear(tab: Tab, message: Message): void {
  const { world } = tab
  const now = world.now()
  if (message.t === 'ask') {
    if (tab.peek()) tellToken(tab)
  } else if (message.t === 'token') {
    const asked = now - Math.max(0, message.age) - Math.max(0, world.wall() - message.sent)
    const held = hold(message.told, asked, tab.share)
    const hint = tab.line.hint()
    if (held && (hint === undefined || hint?.sid === held.sid)) take(tab, held)
  } else if (message.t === 'wait') {
    if (message.ms > 0 && message.ms < 400_000) tab.become(machine.waits(tab.state, now + message.ms))
  } else if (message.t === 'out') end(tab, message.sid, message.reason)
}

const end = (tab: Tab, sid: string, reason: EndReason) => tab.become(machine.ended(tab.state, sid, reason))

/** Another tab ended this one's own session, of which the server does not know. */
export function leaveToo(tab: Tab): void {
  const { sid } = tab.state
  if (!sid) return
  end(tab, sid, 'other-tab')
  tab.line.forget(sid)
  void leave(tab, false, null)
}

/** Looks at everything that may have changed while nobody looked. */
export function look(tab: Tab): void {
  const { line, state } = tab
  const hint = line.hint()
  // Cookies of an answer that came after the end.
  if (hint && hint.sid === state.dead) line.forget(hint.sid)
  else if (hint !== undefined) tab.become(machine.looked(state, hint?.sid ?? null))
  finish(tab)
  tab.schedule()
}

/** Listens until the answer is called. */
export function listenOutside(tab: Tab): () => void {
  const { world, channel } = tab
  channel.open()
  return world.listen((event, key, value) => {
    if (event === 'gone') {
      tab.isGone = true
      channel.close()
      tab.become(machine.calledOff(tab.state))
    } else if (event === 'online') {
      tab.become(machine.online(tab.state, world.now() + world.random() * 500))
      finish(tab)
    } else if (event === 'shown') {
      tab.isGone = false
      channel.open()
      look(tab)
    } else if (event === 'stored') {
      if (!value || key !== tab.key) return
      const [kind, sid = ''] = value.split(' ')
      if (kind === 'in') look(tab)
      else end(tab, sid, 'other-tab')
      // `hidden` also comes after `gone`, and must not open anything again.
    } else tab.schedule()
  })
}
