import { requireSession } from '../../lib/current-session'
import type { Search } from '../../lib/entrance-page'
import { authServer } from '../../lib/settings'
import { type Device, DevicesPage } from '../../parts/devices'
import { Failure } from '../../parts/failure'

export default async function Page({ searchParams }: Search) {
  const { error } = await searchParams
  const session = await requireSession('/devices')
  const isIn = session.status === 'signedIn'
  const answer = isIn ? await session.fetch(`${authServer()}/auth/sessions`).catch(() => null) : null
  const devices: Device[] | null = answer?.ok ? (await answer.json()).sessions : null
  return (
    <>
      <Failure error={error} />
      <DevicesPage devices={devices} />
    </>
  )
}
