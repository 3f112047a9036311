'use client'
import { useSession, useSessionClient } from '@countersign/client/react'
import Link from 'next/link'
import { usePathname, useRouter } from 'next/navigation'
import { whenOnline } from '../lib/going'
import { Form } from './form'

export function Bar() {
  const { status, claims, degraded } = useSession()
  const session = useSessionClient()
  const router = useRouter()
  const path = usePathname()
  const leave = async () => {
    // Over here and in every tab before this returns; the server is told meanwhile.
    const told = session.signOut()
    whenOnline(() => router.push('/signin'))
    await told
  }
  const link = (to: string, text: string) => (
    <Link href={to} aria-current={path === to ? 'page' : undefined}>
      {text}
    </Link>
  )
  return (
    <header className="bar">
      <Link href="/" className="brand">
        <span className="mark" aria-hidden="true" />
        Notebook
      </Link>
      <nav>
        {status !== 'signedOut' && link('/notes', 'Notes')}
        {status !== 'signedOut' && link('/devices', 'Devices')}
      </nav>
      {degraded && <span className="badge warn">offline</span>}
      {status === 'signedIn' && (
        <>
          <span className="who" data-testid="who">
            {claims?.preferred_username ?? 'Signed in'}
          </span>
          <Form to="signout" run={leave}>
            <button type="submit" className="quiet" data-testid="sign-out">
              Sign out
            </button>
          </Form>
        </>
      )}
      {status === 'signedOut' && (
        <>
          {link('/signin', 'Sign in')}
          <Link href="/signup" className="button">
            Sign up
          </Link>
        </>
      )}
    </header>
  )
}
