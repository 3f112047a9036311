import { redirect } from 'next/navigation'
import { Entrance } from '../parts/entrance'
import { getServerSession } from './current-session'
import { codeIn } from './messages'
import { wanted } from './wanted'

export type Search = { searchParams: Promise<Record<string, string | string[] | undefined>> }

/** Who is in already goes on to where they wanted to. */
export async function EntrancePage({ kind, searchParams }: Search & { kind: 'signin' | 'signup' }) {
  const { next, error } = await searchParams
  if ((await getServerSession()).status === 'signedIn') redirect(wanted(next))
  return <Entrance kind={kind} next={wanted(next)} error={codeIn(error)} />
}
