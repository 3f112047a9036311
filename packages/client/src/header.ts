/**
 * `@countersign/client/header`: the article's mode. The refresh token lives in `sessionStorage` and goes in the body;
 * the access token stays in memory. Each tab has a session of its own: a new tab, and a copy of one, takes a fork.
 */

import { SessionError } from './errors.ts'
import type { Transport } from './transport.ts'

interface Kept {
  refresh_token: string
  sid: string
  depth: number
  /** The session that the first tab opened: signing out of any ends them all. */
  root: string
  /** Written when the page is left. A copied tab has a copy from before. */
  isLeft: boolean
}

/** How long a new tab waits for an open one. */
const patience = 250

/** Where storage is blocked a reload asks another tab, or for the password again. */
export const headerTransport =
  (storage?: Pick<Storage, 'getItem' | 'removeItem' | 'setItem'>): Transport =>
  ({ world, send, name }) => {
    const key = `${name}:tab`
    const read = (): Kept | null => {
      try {
        storage ??= sessionStorage
        const kept = JSON.parse(storage.getItem(key) ?? 'null')
        return typeof kept?.refresh_token === 'string' ? kept : null
      } catch {
        return null
      }
    }
    let kept = read()
    let root = kept?.root
    let ended: Kept | null = null
    let isFork = !!kept && !kept.isLeft
    const write = (next: Kept | null) => {
      kept = next
      try {
        if (next) storage?.setItem(key, JSON.stringify(next))
        else storage?.removeItem(key)
      } catch {
        // In memory it is kept all the same.
      }
    }
    if (kept) write({ ...kept, isLeft: false })

    let line: ReturnType<NonNullable<typeof world.channel>> | undefined
    let heard: ((kept: Pick<Kept, 'root' | 'refresh_token'>) => void) | undefined
    const open = () => {
      line ??= world.channel?.(key)
      if (line)
        line.onmessage = ({ data }) => {
          if (data?.v !== 1) return
          if (data.t === 'ask' && kept && !isFork)
            line?.postMessage({ v: 1, t: 'kept', refresh_token: kept.refresh_token, root: kept.root })
          else if (data.t === 'kept' && typeof data.refresh_token === 'string') heard?.(data)
        }
    }
    open()
    const unhear = world.onPage(event => {
      if (event === 'gone') {
        if (kept) write({ ...kept, isLeft: true })
        line?.close()
        line = undefined
      } else if (event === 'shown') {
        if (kept?.isLeft) write({ ...kept, isLeft: false })
        open()
      }
    })

    const fromPeers = () =>
      new Promise<Pick<Kept, 'root' | 'refresh_token'> | null>(done => {
        const stop = world.timer(() => done(null), patience)
        heard = kept => {
          stop()
          done(kept)
        }
        line?.postMessage({ v: 1, t: 'ask' })
      })

    return {
      mode: 'header',
      close: () => {
        unhear()
        line?.close()
      },
      isShared: false,
      hint: () => (kept && !isFork ? { sid: kept.sid, depth: kept.depth } : undefined),
      root: sid => root ?? sid,
      opened: answer => {
        const { refresh_token, session } = answer as Kept & { session: { id: string; depth: number } }
        if (typeof refresh_token !== 'string') throw SessionError.of('ANSWER_INVALID')
        // A sign-in is its own root; forks and refreshes keep theirs.
        root ??= session.id
        isFork = false
        write({ refresh_token, sid: session.id, depth: session.depth, root, isLeft: false })
      },
      renew: async signal => {
        if (kept && !isFork) return send('refresh', { body: { refresh_token: kept.refresh_token }, signal })
        const parent = kept ?? (await fromPeers())
        if (!parent) throw new SessionError('NO_SESSION', 'login', 'No tab has a session.')
        root = parent.root
        return send('refresh', { body: { refresh_token: parent.refresh_token, fork: true }, signal })
      },
      end: (all, bearer) => {
        const { refresh_token } = ended ?? kept ?? {}
        ended = null
        const body = refresh_token && !all ? { refresh_token } : {}
        return send(all ? 'logout/all' : 'logout', { body, bearer, keepalive: true })
      },
      forget: () => {
        ended = kept ?? ended
        root = undefined
        write(null)
      },
    }
  }
