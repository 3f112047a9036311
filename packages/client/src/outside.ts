/** What a tab learns from outside: other tabs, the hint, the page. */

import type { Message } from './channel.ts'
import { finish, pending } from './leaving.ts'
import * as machine from './machine.ts'
import { tellToken } from './peers.ts'
import type { Tab } from './tab.ts'
import { hold } from './token.ts'

const longestWait = 400_000

/** Another tab says something. */
export function hear(tab: Tab, message: Message): void {
  const { world, line } = tab
  const now = world.now()
  if (message.t === 'ask') tellToken(tab)
  else if (message.t === 'token') {
    const held = hold(message.told, now - Math.max(0, world.wall() - message.born), tab.share)
    const hint = line.known()
    if (held && (hint === undefined || hint?.sid === held.sid)) tab.told(machine.adopt, held, now)
  } else if (message.t === 'wait') {
    const ms = Math.min(message.ms, longestWait)
    if (ms > 0) tab.become(machine.waits, now + ms)
  } else if (message.t === 'out') tab.told(machine.ended, message.sid, message.reason)
  else line.overheard?.(message)
}

/** Looks at the hint, by which others may have signed in or out. */
export function look(tab: Tab): void {
  const { line, state } = tab
  const hint = line.known()
  // A page that cannot know knows of its own sign-out, whatever came of that.
  const sid = hint ? hint.sid : state.dead && !state.sid ? null : hint
  // Cookies of an answer that came after the end.
  if (sid && sid === state.dead) line.forget(sid)
  if (sid !== undefined) tab.told(machine.looked, sid)
}

/** Begins, and listens until the answer is called. */
export function listenOutside(tab: Tab): () => void {
  const { world, peers } = tab
  /** The page is there, again or for the first time. */
  const appear = () => {
    tab.isGone = false
    peers.open()
    tab.become(machine.seen, world.now() + world.random() * 500)
    look(tab)
    finish(tab)
    tab.schedule()
  }
  tab.become(machine.start, pending(tab))
  appear()
  return world.listen((event, key) => {
    if (event === 'stored') {
      // Another tab signed in or out: the hint says which.
      if (key === tab.label) look(tab)
    } else if (event === 'gone') {
      tab.isGone = true
      peers.close()
      tab.become(machine.calledOff)
      // `hidden` also comes after `gone`, and must not open anything again.
    } else if (event === 'hidden') tab.schedule()
    else appear()
  })
}
