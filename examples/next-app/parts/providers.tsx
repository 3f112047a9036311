'use client'
import type { SessionOptions } from '@countersign/client'
import { SessionProvider } from '@countersign/client/react'
import { useRouter } from 'next/navigation'
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'
import { sessionOf } from '../lib/browser-session'
import { whenOnline } from '../lib/going'
import { countTabs } from '../lib/watch'

interface Place {
  /** Where the notes API is. */
  readonly api: string
  /** What forms show. */
  readonly token: string
}

const place = createContext<Place>({ api: '', token: '' })
export const usePlace = (): Place => useContext(place)

export function Providers({
  initial,
  api,
  token,
  children,
}: Place & { initial: SessionOptions['initial']; children: ReactNode }) {
  const [session] = useState(() => sessionOf(initial))
  const [here] = useState({ api, token })
  const router = useRouter()
  useEffect(countTabs, [])
  // What the router keeps of pages belongs to who has just left.
  useEffect(
    () => session.onIdentity((_, before) => before && whenOnline(() => router.refresh())),
    [session, router],
  )
  return (
    <place.Provider value={here}>
      <SessionProvider session={session}>{children}</SessionProvider>
    </place.Provider>
  )
}
