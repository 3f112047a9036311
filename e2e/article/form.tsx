import { useState } from 'react'

/** A login form; what goes wrong is said in it. */
export function Form({ submit }: { submit: (username: string, password: string) => Promise<unknown> }) {
  const [refusal, setRefusal] = useState('')
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        const fields = new FormData(event.currentTarget)
        submit(String(fields.get('username')), String(fields.get('password'))).catch(error =>
          setRefusal(String(error)),
        )
      }}
    >
      <input name="username" autoComplete="username" />
      <input name="password" type="password" autoComplete="current-password" />
      <button type="submit">Log in</button>
      <p role="alert">{refusal}</p>
    </form>
  )
}
