import { headers } from 'next/headers'
import type { Search } from '../../lib/entrance-page'
import { Failure } from '../../parts/failure'
import { Leave } from '../../parts/leave'

/** Signs out whoever comes here from this app or by typing; a link on another site only asks. */
export default async function Page({ searchParams }: Search) {
  const { error } = await searchParams
  const site = (await headers()).get('sec-fetch-site') ?? 'same-origin'
  return (
    <>
      <Failure error={error} />
      <Leave isAsked={site === 'same-origin' || site === 'none'} />
    </>
  )
}
