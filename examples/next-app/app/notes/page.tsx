import type { ApolloState } from '../../lib/apollo'
import { apolloOf } from '../../lib/apollo-server'
import { requireSession } from '../../lib/current-session'
import type { Search } from '../../lib/entrance-page'
import { allNotes } from '../../lib/notes'
import { Failure } from '../../parts/failure'
import { NotesPage } from '../../parts/notes'

export default async function Page({ searchParams }: Search) {
  const { error } = await searchParams
  const session = await requireSession('/notes')
  let state: ApolloState | null = null
  if (session.claims) {
    const client = apolloOf(session)
    // Without the API the page shows its skeleton, and the browser asks.
    const answer = await client.query({ query: allNotes }).catch(() => null)
    if (answer?.data) state = { sub: session.claims.sub, cache: client.extract() as ApolloState['cache'] }
  }
  return (
    <>
      <Failure error={error} />
      <NotesPage state={state} />
    </>
  )
}
