import { login } from './auth'
import { Form } from '../form.tsx'

export const LoginForm = () => <Form submit={(username, password) => {
// ----
async function handleSubmit () {
  //...
  // Make the login API call
  const response = await fetch(`/auth/login`, {
    method: 'POST',
    body: JSON.stringify({ username, password })
  })
  //...
  // Extract the JWT from the response
  const { jwt_token } = await response.json()
  //...
  // Do something the token in the login method
  await login({ jwt_token })
}
// ----
return handleSubmit()
}} />
