/** What pages say of a refusal, by its code. */
const messages: Record<string, string> = {
  CREDENTIALS_INVALID: 'No account has that name and password.',
  ACCOUNT_EXISTS: 'There is an account with that address already.',
  BAD_REQUEST: 'A password has at least 15 characters, an address an @.',
  RATE_LIMITED: 'Too many attempts. Wait a moment, then try again.',
  UNAVAILABLE: 'The server cannot be reached now. Try again.',
  FAILED: 'That did not work. Try again.',
}
const isKnown = (code: string) => Object.hasOwn(messages, code)

export const messageOf = (code: string) => messages[isKnown(code) ? code : 'UNAVAILABLE']

/** The code in an address, which anybody may have written: one of these, or none. */
export const codeIn = (error: unknown) => (typeof error === 'string' && isKnown(error) ? error : null)
