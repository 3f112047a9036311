/** What the engines check, restated in Rust (`crates/server/examples/hasura`): there is no engine to install. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { binary } from '../../stack.ts'
import { Answers } from '../answers.ts'
import type { Tool } from '../tool.ts'

const program = join(dirname(binary), 'examples/hasura')

function engine(name: string, rest: Pick<Tool, 'says' | 'notes'>, fetches: boolean): Tool {
  return {
    name: `Hasura ${name}, restated`,
    version: () => (existsSync(program) ? '–' : undefined),
    algorithms: ['ES256', 'EdDSA', 'RS256'],
    start: async ({ jwks: url, issuer, audience }) => {
      const answers = new Answers(program, [])
      const fetched = async () => (await fetch(url)).json()
      let jwks = await fetched()
      return {
        judge: async token => {
          if (fetches) jwks = await fetched()
          const now = Math.floor(Date.now() / 1000)
          return answers.ask(JSON.stringify({ engine: name, token, jwks, issuer, audience, now }))
        },
        takeKeys: async () => {
          jwks = await fetched()
        },
        stop: () => answers.stop(),
      }
    },
    ...rest,
  }
}

export const hasura2 = engine(
  'v2',
  {
    says: {
      expired: 'JWTExpired',
      audience: 'JWTNotInAudience',
      issuer: 'JWTNotInIssuer',
      tampered: 'JWSInvalidSignature',
      withdrawn: 'JWSInvalidSignature',
    },
    notes:
      'its checks, in Rust, and not the engine. Fetches by `max-age`, not for a key that it does not know: here after each rotation',
  },
  false,
)

export const hasura3 = engine(
  'v3',
  {
    says: {
      expired: 'ExpiredSignature',
      audience: 'InvalidAudience',
      issuer: 'InvalidIssuer',
      tampered: 'InvalidSignature',
      withdrawn: 'no key of this `kid`',
    },
    notes:
      'its checks, in Rust, and not the engine. Fetches for each request; `allowedSkew` is 60 s unless told (here 0)',
  },
  true,
)
