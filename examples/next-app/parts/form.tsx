'use client'
import { type FormEvent, type ReactNode, useState } from 'react'
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
  const [hasFailed, setFailed] = useState(false)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    setFailed(false)
    run(new FormData(event.currentTarget)).catch(() => setFailed(true))
  }
  return (
    <form method="post" action={`/form/${to}`} onSubmit={submit} className={className}>
      <input type="hidden" name="token" value={token} />
      {children}
      {hasFailed && (
        <p className="refusal" role="alert">
          That did not work. Try again.
        </p>
      )}
    </form>
  )
}
