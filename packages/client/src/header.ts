/**
 * `@countersign/client/header`: the article's mode. The refresh token lives in `sessionStorage` and goes in the body;
 * the access token stays in memory. Each tab has a session of its own: a new tab, and a copy of one, takes a fork.
 */

import { SessionError } from './errors.ts'
import type { Line, Setting, Transport } from './transport.ts'
import { quietly } from './world.ts'

interface Kept {
  refresh_token: string
  sid: string
  /** The session that the first tab opened: signing out of any ends them all. */
  root: string
  /** Written when the page is left. A copied tab has a copy from before. */
  isLeft?: boolean
}

/** What tabs say to each other; `kept` answers `who`. */
interface Message {
  t: 'kept' | 'left' | 'who'
  kept?: Kept
  root?: string
}

/** How long a new tab waits for an open one. */
const patience = 250

/** Where storage is blocked a reload asks another tab, or for the password again. */
export const headerTransport =
  (storage?: Pick<Storage, 'getItem' | 'removeItem' | 'setItem'>): Transport =>
  ({ world, ask, say, name, leave }: Setting): Line => {
    const key = `${name}:tab`
    let kept: Kept | undefined
    /** What a new tab takes a fork of. */
    let parent: Kept | undefined
    let ended: Kept | undefined
    let heard: ((kept?: Kept) => void) | undefined

    /** In memory it is kept also where storage is blocked, or full. */
    const write = (next?: Kept) => {
      kept = next
      quietly(() => (next ? storage?.setItem(key, JSON.stringify(next)) : storage?.removeItem(key)))
    }
    const mark = (isLeft: boolean) => kept && write({ ...kept, isLeft })

    quietly(() => {
      storage ??= sessionStorage
      const found = JSON.parse(storage.getItem(key) ?? '{}') as Kept
      if (found.isLeft) kept = found
      else if (found.root) parent = found
      mark(false)
    })

    const fromPeers = () =>
      new Promise<Kept | undefined>(done => {
        heard = done
        world.timer(() => done(undefined), patience)
        say({ t: 'who' })
      })

    return {
      mode: 'header',
      close: world.listen(event => {
        if (event === 'gone' || event === 'shown') mark(event === 'gone')
      }),
      overheard: message => {
        const { t, kept: theirs, root } = message as Message
        if (t === 'who' && kept) say({ t: 'kept', kept })
        if (t === 'kept') heard?.(theirs)
        if (t === 'left' && root === kept?.root) void leave()
      },
      known: () => kept,
      answered: answer => {
        const { refresh_token, session } = answer as Kept & { session: { id: string } }
        if (!refresh_token) throw new SessionError('ANSWER_INVALID')
        // A sign-in is its own root; forks and refreshes keep theirs.
        const { root = session.id } = kept ?? parent ?? {}
        write({ refresh_token, sid: session.id, root })
        parent = undefined
      },
      renew: async epoch => {
        parent = kept ? undefined : (parent ?? (await fromPeers()))
        const { refresh_token } = kept ?? parent ?? {}
        if (!refresh_token) throw new SessionError('NO_SESSION', 'login')
        return ask('refresh', { body: { refresh_token, ...(parent && { fork: true }) }, epoch })
      },
      end: (all, bearer) => {
        const { refresh_token, root } = ended ?? kept ?? {}
        if (root) say({ t: 'left', root })
        return ask(all ? 'logout/all' : 'logout', { body: { refresh_token }, bearer, keepalive: true })
      },
      forget: () => {
        ended = kept ?? ended
        write()
      },
    }
  }
