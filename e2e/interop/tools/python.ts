/** The libraries of Python, each asked by a script that stays: so that what it keeps of the keys is seen. */
import { join } from 'node:path'
import { Answers } from '../answers.ts'
import { says, type Tool } from '../tool.ts'

const python = '.venv/bin/python'

function library(name: string, rest: Pick<Tool, 'says' | 'notes'>): Tool {
  const module = name.toLowerCase()
  const asked = `from importlib.metadata import version; print(version('${module}'))`
  return {
    name,
    version: () => says(python, ['-c', asked], /(\S+)/),
    algorithms: ['ES256', 'EdDSA', 'RS256'],
    start: async ({ jwks, algorithm, issuer, audience }) => {
      const script = join(import.meta.dirname, `${module}_says.py`)
      const answers = new Answers(python, ['-W', 'ignore', script, jwks, algorithm, issuer, audience])
      return { judge: token => answers.ask(token), stop: () => answers.stop() }
    },
    ...rest,
  }
}

export const pyjwt = library('PyJWT', {
  says: {
    expired: 'ExpiredSignatureError',
    audience: 'InvalidAudienceError',
    issuer: 'InvalidIssuerError',
    tampered: 'InvalidSignatureError',
    withdrawn: 'PyJWKClientError',
  },
  notes:
    '`PyJWKClient` fetches each 5 minutes, and for a key that it does not know, at most each 30 s (`cooldown_duration`; here 0)',
})

export const joserfc = library('joserfc', {
  says: {
    expired: 'ExpiredTokenError',
    audience: 'InvalidClaimError aud',
    issuer: 'InvalidClaimError iss',
    tampered: 'BadSignatureError',
    withdrawn: 'InvalidKeyIdError',
  },
  notes: 'has no client for keys: nine lines fetch them for a key that it does not know',
})
