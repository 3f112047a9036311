import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Database } from '../../postgraphile/database.ts'
import { freePort, Program } from '../../program.ts'
import { asking } from '../served.ts'
import { ask, type Tool } from '../tool.ts'

const folder = join(import.meta.dirname, '../../postgraphile')
const installed = join(folder, 'node_modules/postgraphile/package.json')
const mine = 'mutation { createNote(input: { note: { text: "mine" } }) { note { owner } } }'

export const postgraphile: Tool = {
  name: 'PostGraphile with jose',
  version: () => (existsSync(installed) ? JSON.parse(readFileSync(installed, 'utf8')).version : undefined),
  algorithms: ['ES256', 'EdDSA', 'RS256'],
  says: {
    expired: 'ERR_JWT_EXPIRED',
    audience: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
    issuer: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
    tampered: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    withdrawn: 'ERR_JWKS_NO_MATCHING_KEY',
  },
  notes:
    'its own JWT option reads no JWKS, so jose stands before it and row-level security takes the user from the token; [behind the gateway](PROTECT.md#postgraphile) it needs neither',
  async start({ jwks, algorithm, issuer, audience }) {
    const database = await Database.start()
    await database.apply(join(folder, 'schema.sql'))
    const port = await freePort()
    const environment = {
      DATABASE_URL: database.url('authenticator'),
      PORT: `${port}`,
      JWKS: jwks,
      ALGORITHM: algorithm,
      ISSUER: issuer,
      AUDIENCE: audience,
    }
    const running = new Program(process.execPath, ['served.mjs'], environment, folder)
    await running.listens(port)
    return {
      judge: token => ask(`http://127.0.0.1:${port}/graphql`, token, asking(mine)),
      stop: async () => {
        await running.stop()
        await database.stop()
      },
    }
  },
}
