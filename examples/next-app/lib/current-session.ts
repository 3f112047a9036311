import 'server-only'
import { nextSession } from '@countersign/client/next'
import { headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { cache } from 'react'
import { sessionOptions } from './settings'

/** Who asks for this page. All of its components share one question, and anonymous visitors cost none. */
export const getServerSession = nextSession({ headers, cache, ...sessionOptions() })

/** For pages of somebody. `unknown` stays: the page shows its skeleton, and the browser finds out. */
export async function requireSession(path: string) {
  const session = await getServerSession()
  if (session.status === 'signedOut') redirect(`/signin?next=${encodeURIComponent(path)}`)
  return session
}
