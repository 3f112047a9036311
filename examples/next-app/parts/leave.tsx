'use client'
import { useSessionClient } from '@countersign/client/react'
import { useRouter } from 'next/navigation'
import { useCallback, useEffect } from 'react'
import { whenOnline } from '../lib/going'
import { Form } from './form'

export function Leave({ isAsked }: { isAsked: boolean }) {
  const session = useSessionClient()
  const router = useRouter()
  const leave = useCallback(async () => {
    await session.signOut().catch(() => {})
    whenOnline(() => router.replace('/signin'))
  }, [session, router])
  useEffect(() => {
    if (isAsked) void leave()
  }, [isAsked, leave])
  return (
    <section className="card entrance">
      <h1>{isAsked ? 'Signing out…' : 'Sign out?'}</h1>
      <Form to="signout" run={leave}>
        <button type="submit">Sign out</button>
      </Form>
    </section>
  )
}
