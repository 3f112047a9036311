import { Form } from '../form'
import { login } from './auth'

async function handleSubmit(username: string, password: string) {
  // Make the login API call
  const response = await fetch('/auth/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username, password, mode: 'header' }),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error.message)
  // Extract the tokens from the response
  const { jwt_token, refresh_token } = answer
  await login({ jwt_token, refresh_token })
}

export const LoginForm = () => <Form submit={handleSubmit} />
