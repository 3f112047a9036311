'use client'
import { SessionError } from '@countersign/client'
import { useSessionClient } from '@countersign/client/react'
import Link from 'next/link'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { messageOf } from '../lib/messages'
import { Form } from './form'

/** Signs in or up, and goes to the page that was wanted. */
export function Entrance({
  kind,
  next,
  error,
}: {
  kind: 'signin' | 'signup'
  next: string
  error: string | null
}) {
  const session = useSessionClient()
  const router = useRouter()
  const [refusal, setRefusal] = useState(error)
  const [isBusy, setBusy] = useState(false)
  const isNew = kind === 'signup'
  const enter = async (fields: FormData) => {
    const [name, password] = [String(fields.get('username')), String(fields.get('password'))]
    setBusy(true)
    setRefusal(null)
    try {
      const username = fields.get('name') || undefined
      if (isNew) await session.signIn({ email: name, username, password }, { path: 'signup' })
      else await session.signIn({ username: name, password })
      router.push(next)
    } catch (thrown) {
      setRefusal(thrown instanceof SessionError ? thrown.code : 'OFFLINE')
      setBusy(false)
    }
  }
  const query = next === '/notes' ? '' : `?next=${encodeURIComponent(next)}`
  return (
    <section className="card entrance">
      <h1>{isNew ? 'Make an account' : 'Welcome back'}</h1>
      <Form to={kind} run={enter} className="stack">
        <input type="hidden" name="next" value={next} />
        <label>
          {isNew ? 'E-mail address' : 'E-mail address or user name'}
          <input
            name="username"
            type={isNew ? 'email' : 'text'}
            autoComplete={isNew ? 'email' : 'username'}
            required
          />
        </label>
        {isNew && (
          <label>
            What you are called here
            <input name="name" autoComplete="nickname" maxLength={64} pattern="[^@\s]*" />
          </label>
        )}
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={isNew ? 'new-password' : 'current-password'}
            minLength={isNew ? 15 : 1}
            required
          />
        </label>
        {refusal && (
          <p className="refusal" role="alert">
            {messageOf(refusal)}
          </p>
        )}
        <button type="submit" disabled={isBusy}>
          {isNew ? 'Sign up' : 'Sign in'}
        </button>
      </Form>
      <p className="aside">
        {isNew ? 'Have an account?' : 'No account yet?'}{' '}
        <Link href={(isNew ? '/signin' : '/signup') + query}>{isNew ? 'Sign in' : 'Sign up'}</Link>
      </p>
    </section>
  )
}
