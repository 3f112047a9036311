/**
 * `@countersign/client/header`: the article's mode. The refresh token lives in `sessionStorage` and goes in the body;
 * the access token stays in memory. Each tab has a session of its own: a new tab, and a copy of one, takes a fork.
 */

import { signOut } from './entering.ts'
import { SessionError } from './errors.ts'
import type { Tab } from './tab.ts'
import type { Line, Transport } from './transport.ts'
import { quietly } from './world.ts'

export interface Kept {
  refresh_token: string
  sid: string
  /** The session that the first tab opened: signing out of any ends them all. */
  root: string
  /** Written when the page is left. A copied tab has a copy from before. */
  isLeft?: boolean
}

/** How long a new tab waits for an open one. */
const patience = 250

/** Where storage is blocked a reload asks another tab, or for the password again. */
export const headerTransport =
  (storage?: Pick<Storage, 'getItem' | 'removeItem' | 'setItem'>): Transport =>
  (tab: Tab): Line => {
    const { world, peers, label } = tab
    const key = `${label}:tab`
    /** Ours, or what a new tab takes a fork of. */
    let kept: Kept | undefined
    let isOurs: boolean | undefined
    let ended: Kept | undefined
    let heard: ((kept?: Kept) => void) | undefined

    /** In memory it is kept also where storage is blocked, or full. */
    const write = (next?: Kept) => {
      isOurs = !!next
      kept = next
      quietly(() => (next ? storage?.setItem(key, JSON.stringify(next)) : storage?.removeItem(key)))
    }
    const mark = (isLeft: boolean) => kept && isOurs && write({ ...kept, isLeft })

    quietly(() => {
      storage ??= sessionStorage
      kept = JSON.parse(storage.getItem(key) ?? '') as Kept
      isOurs = kept.isLeft
      mark(false)
    })

    const fromPeers = () =>
      new Promise<Kept | undefined>(done => {
        heard = done
        world.timer(() => done(undefined), patience)
        peers.say({ t: 'who' })
      })

    return {
      mode: 'header',
      close: world.listen(event => {
        if (event === 'gone' || event === 'shown') mark(event === 'gone')
      }),
      overheard: ({ t, kept: theirs, root }) => {
        if (t === 'who' && isOurs) peers.say({ t: 'kept', kept })
        if (t === 'kept') heard?.(theirs)
        if (t === 'left' && root === kept?.root) void signOut(tab, 'this', 'other-tab')
      },
      known: () => (isOurs ? kept : undefined),
      answered: answer => {
        const { refresh_token, session } = answer as Kept & { session: { id: string } }
        if (!refresh_token) throw new SessionError('ANSWER_INVALID')
        // A sign-in is its own root; forks and refreshes keep theirs.
        write({ refresh_token, sid: session.id, root: kept?.root ?? session.id })
      },
      renew: async epoch => {
        // Without an epoch it is for a sign-out, of what was forgotten then.
        const own = isOurs ? kept : epoch ? undefined : ended
        if (!own) kept ??= await fromPeers()
        const found = own ?? kept
        if (!found) throw new SessionError('NO_SESSION', 'login')
        const { refresh_token } = found
        return tab.ask('refresh', { body: { refresh_token, fork: !own || undefined }, epoch })
      },
      end: (all, bearer) => {
        const { refresh_token, root } = ended ?? {}
        if (root) peers.say({ t: 'left', root })
        return tab.ask(all ? 'logout/all' : 'logout', { body: { refresh_token }, bearer, keepalive: true })
      },
      forget: () => {
        if (isOurs) ended = kept
        write()
      },
    }
  }
