import { requireSession } from '../../lib/current-session'
import { authServer } from '../../lib/settings'
import { type Device, DevicesPage } from '../../parts/devices'

export default async function Page() {
  const session = await requireSession('/devices')
  const isIn = session.status === 'signedIn'
  const answer = isIn ? await session.fetch(`${authServer()}/auth/sessions`).catch(() => null) : null
  const devices: Device[] | null = answer?.ok ? (await answer.json()).sessions : null
  return <DevicesPage devices={devices} />
}
