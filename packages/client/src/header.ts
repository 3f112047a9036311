/**
 * `@countersign/client/header`: the article's mode. The refresh token lives in `sessionStorage` and goes in the body;
 * the access token stays in memory. Each tab has a session of its own: a new tab, and a copy of one, takes a fork.
 */

import { channelOf } from './channel.ts'
import { SessionError } from './errors.ts'
import type { Opening, Transport } from './transport.ts'

interface Kept {
  refresh_token: string
  sid: string
  depth: number
  /** The session that the first tab opened: signing out of any ends them all. */
  root: string
  /** Written when the page is left. A copied tab has a copy from before. */
  isLeft?: boolean
}

/** What tabs say to each other; `kept` answers `ask`. */
type Message = { t: 'ask' } | { t: 'kept'; kept: Kept } | { t: 'out'; root: string }

/** How long a new tab waits for an open one. */
const patience = 250

/** Where storage is blocked a reload asks another tab, or for the password again. */
export const headerTransport = (storage?: Pick<Storage, 'getItem' | 'removeItem' | 'setItem'>): Transport =>
  opening(storage)

const opening =
  (storage?: Pick<Storage, 'getItem' | 'removeItem' | 'setItem'>): Opening =>
  ({ world, send, name, leave }) => {
    const key = `${name}:tab`
    let kept: Kept | null = null
    /** What a new tab takes a fork of. */
    let parent: Kept | null = null
    let ended: Kept | null = null
    let heard: ((kept: Kept | null) => void) | undefined

    const write = (next: Kept | null) => {
      kept = next
      try {
        if (next) storage?.setItem(key, JSON.stringify(next))
        else storage?.removeItem(key)
      } catch {
        // In memory it is kept all the same.
      }
    }
    const mark = (isLeft: boolean) => kept && write({ ...kept, isLeft })

    const channel = channelOf<Message>(world.channel, key, message => {
      if (message.t === 'ask') {
        if (kept) channel.say({ t: 'kept', kept })
      } else if (message.t === 'kept') heard?.(message.kept)
      else if (message.root === kept?.root) leave()
    })
    const unlisten = world.listen(event => {
      if (event === 'gone') {
        mark(true)
        channel.close()
      } else if (event === 'shown') {
        mark(false)
        channel.open()
      }
    })
    channel.open()

    try {
      storage ??= sessionStorage
      const found: Kept | null = JSON.parse(storage.getItem(key) ?? 'null')
      if (found?.isLeft) kept = found
      else parent = found
      mark(false)
    } catch {
      // Blocked, or not ours.
    }

    const fromPeers = () =>
      new Promise<Kept | null>(done => {
        heard = done
        world.timer(() => done(null), patience)
        channel.say({ t: 'ask' })
      })

    return {
      mode: 'header',
      isShared: false,
      close: () => {
        unlisten()
        channel.close()
      },
      known: () => kept ?? undefined,
      opened: answer => {
        const { refresh_token, session } = answer as Kept & { session: { id: string; depth: number } }
        if (!refresh_token) throw SessionError.of('ANSWER_INVALID')
        // A sign-in is its own root; forks and refreshes keep theirs.
        write({
          refresh_token,
          sid: session.id,
          depth: session.depth,
          root: (kept ?? parent)?.root ?? session.id,
        })
        parent = null
      },
      renew: async epoch => {
        parent = kept ? null : (parent ?? (await fromPeers()))
        const { refresh_token } = kept ?? parent ?? {}
        if (!refresh_token) throw new SessionError('NO_SESSION', { action: 'login' })
        return send('refresh', { body: { refresh_token, ...(parent && { fork: true }) }, epoch })
      },
      end: (all, bearer) => {
        const { refresh_token, root } = ended ?? kept ?? {}
        if (root) channel.say({ t: 'out', root })
        return send(all ? 'logout/all' : 'logout', {
          body: all ? {} : { refresh_token },
          bearer,
          keepalive: true,
        })
      },
      forget: () => {
        ended = kept ?? ended
        write(null)
      },
    }
  }
