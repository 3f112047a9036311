'use client'
import { useRequireSession } from '@countersign/client/react'
import { usePathname, useRouter } from 'next/navigation'
import { useCallback } from 'react'
import { whenOnline } from '../lib/going'

/** For pages of somebody: goes to the entrance once nobody is signed in any more, and back here after it. */
export function useRequired() {
  const router = useRouter()
  const path = usePathname()
  const redirectTo = useCallback(
    () => whenOnline(() => router.replace(`/signin?next=${encodeURIComponent(path ?? '/')}`)),
    [router, path],
  )
  return useRequireSession({ redirectTo })
}
