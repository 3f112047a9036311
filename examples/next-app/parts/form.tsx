'use client'
import type { FormEvent, ReactNode } from 'react'
import { usePlace } from './providers'

/** A form that works without scripts: `to` is the app's route for it. With them, `run` does the same in place. */
export function Form(props: {
  to: string
  run: (fields: FormData) => Promise<unknown>
  className?: string
  children: ReactNode
}) {
  const { to, run, className, children } = props
  const { token } = usePlace()
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const { currentTarget } = event
    run(new FormData(currentTarget)).catch(error => console.warn(String(error)))
  }
  return (
    <form method="post" action={`/form/${to}`} onSubmit={submit} className={className}>
      <input type="hidden" name="token" value={token} />
      {children}
    </form>
  )
}
