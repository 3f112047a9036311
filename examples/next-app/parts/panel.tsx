'use client'
import { useSession, useSessionClient } from '@countersign/client/react'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { current, listen, nothing } from '../lib/watch'
import { usePlace } from './providers'

interface Health {
  stale_for: number | null
  entries: number
  unready: string | null
}

/** What the session of this tab is doing. */
export function Panel() {
  const { status, claims, sid, degraded, reason } = useSession()
  const session = useSessionClient()
  const { api } = usePlace()
  const seen = useSyncExternalStore(listen, current, () => nothing)
  const [[left, life], setLeft] = useState([0, 1])
  const [health, setHealth] = useState<Health | null>(null)

  useEffect(() => {
    const look = () =>
      setLeft(([before, life]) => {
        const left = session.remainingMs() / 1000
        // There is more than before: that is a new token, and its whole life.
        return [left, left > before ? Math.max(left, 1) : life]
      })
    const timer = setInterval(look, 250)
    return () => clearInterval(timer)
  }, [session])
  useEffect(() => {
    const look = () =>
      document.visibilityState === 'visible' &&
      fetch(`${api}/health`)
        .then(answer => answer.json())
        .then(setHealth, () => setHealth(null))
    look()
    const timer = setInterval(look, 3_000)
    return () => clearInterval(timer)
  }, [api])

  const fresh = health && !health.unready && health.stale_for !== null
  const rows: [string, string, string][] = [
    ['session', 'Session', sid ? `${sid.slice(0, 4)}…${sid.slice(-6)}` : '—'],
    ['user', 'User', claims ? `${claims.sub.slice(0, 4)}…${claims.sub.slice(-6)}` : '—'],
    ['token', 'Access token', left > 0 ? `${Math.round(left)} s left` : 'none in this tab'],
    ['refreshes', 'Refreshes', `${seen.refreshes} here, ${seen.adopted} from other tabs`],
    ['tabs', 'Tabs', String(seen.tabs)],
    ['socket', 'Socket', seen.socket + (seen.shown ? `, renewed ${seen.shown}×` : '')],
    ['stream', 'Deny-list', fresh ? `${health.entries} entries, ${health.stale_for?.toFixed(1)} s old` : '—'],
  ]
  return (
    <aside className="panel" aria-label="What the session is doing" data-testid="panel">
      <h2>
        <span className={`light ${degraded ? 'degraded' : status}`} />
        {status === 'signedIn' ? 'Signed in' : status === 'signedOut' ? 'Signed out' : 'Finding out'}
        {status === 'signedOut' && reason !== 'none' && <small> ({reason})</small>}
      </h2>
      <dl>
        {rows.map(([id, name, value]) => (
          <div key={id}>
            <dt>{name}</dt>
            <dd data-testid={id}>{value}</dd>
            {id === 'token' && (
              <progress max={life} value={Math.max(0, left)} aria-label="Left of its life" />
            )}
          </div>
        ))}
      </dl>
      <ol>
        {seen.lines.map(({ id, at, text }) => (
          <li key={id}>
            <time>{at}</time>
            <span>{text}</span>
          </li>
        ))}
      </ol>
    </aside>
  )
}
