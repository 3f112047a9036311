'use client'
import { authorizedFetch } from '@countersign/client/fetch'
import { useSessionClient } from '@countersign/client/react'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { Form } from './form'
import { Skeleton } from './notes'
import { useRequired } from './required'

export interface Device {
  readonly id: string
  readonly current: boolean
  readonly created_at: string
  readonly seen_at: string
  readonly user_agent: string | null
}

/** The name of a browser, and of what it runs on. */
function nameOf(agent: string | null): string {
  const browser = ['Firefox', 'Edg', 'Chrome', 'Safari'].find(name => agent?.includes(name))
  const system = ['Android', 'iPhone', 'Windows', 'Mac OS', 'Linux'].find(name => agent?.includes(name))
  return [browser?.replace('Edg', 'Edge') ?? 'A program', system && `on ${system}`].filter(Boolean).join(' ')
}
const when = (time: string) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`

export function DevicesPage({ devices }: { devices: Device[] | null }) {
  const { status } = useRequired()
  const session = useSessionClient()
  const send = useMemo(() => authorizedFetch(session), [session])
  const [list, setList] = useState(devices)
  const look = useCallback(async () => {
    const answer = await send('/auth/sessions')
    if (answer.ok) setList((await answer.json()).sessions)
  }, [send])
  useEffect(() => {
    if (!list && status === 'signedIn') look().catch(() => {})
  }, [list, status, look])

  if (status !== 'signedIn' || !list) return <Skeleton />
  return (
    <section className="card">
      <h1>Devices</h1>
      <p className="aside">
        Each line is a session. One that ends here is refused everywhere, within milliseconds.
      </p>
      <ul className="devices" data-testid="devices">
        {list.map(({ id, current, seen_at, user_agent }) => (
          <li key={id}>
            <div>
              <b>{nameOf(user_agent)}</b>
              {current && <span className="badge">this one</span>}
              <small>seen {when(seen_at)}</small>
            </div>
            {!current && (
              <Form
                to="device"
                run={async () => {
                  const headers = { 'Content-Type': 'application/json' }
                  const answer = await send(`/auth/sessions/${id}`, { method: 'DELETE', headers })
                  await look()
                  // Somebody else was faster.
                  if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status))
                }}
              >
                <input type="hidden" name="id" value={id} />
                <button type="submit" className="quiet">
                  Log out
                </button>
              </Form>
            )}
          </li>
        ))}
      </ul>
      <div className="row end">
        <Form
          to="signout"
          run={async () => {
            await session.signOut({ scope: 'others' })
            await look()
          }}
        >
          <input type="hidden" name="scope" value="others" />
          <button type="submit" className="quiet">
            Log out the others
          </button>
        </Form>
        <Form to="signout" run={() => session.signOut({ scope: 'all' })}>
          <input type="hidden" name="scope" value="all" />
          <button type="submit" className="danger" data-testid="everywhere">
            Log out everywhere
          </button>
        </Form>
      </div>
    </section>
  )
}
