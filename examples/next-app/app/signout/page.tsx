import { headers } from 'next/headers'
import { Leave } from '../../parts/leave'

/** Signs out whoever comes here from this app or by typing; a link on another site only asks. */
export default async function Page() {
  const site = (await headers()).get('sec-fetch-site') ?? 'same-origin'
  return <Leave isAsked={site === 'same-origin' || site === 'none'} />
}
