import express, { type ErrorRequestHandler } from 'express'
import { expressjwt, type GetVerificationKey } from 'express-jwt'
import type { Algorithm } from 'jsonwebtoken'
import jwks from 'jwks-rsa'
import { served } from '../served.ts'
import { npm, type Tool } from '../tool.ts'

const refused: ErrorRequestHandler = (error, _request, response, _next) => {
  response.status(error.status ?? 500).send(error.message)
}

export const expressJwt: Tool = {
  name: 'express-jwt with jwks-rsa',
  version: () => `${npm('express-jwt')} with ${npm('jwks-rsa')}`,
  algorithms: ['ES256', 'RS256'],
  says: {
    expired: 'jwt expired',
    audience: 'jwt audience invalid. expected: api',
    issuer: 'jwt issuer invalid',
    tampered: 'invalid signature',
    withdrawn: 'secret or public key must be provided',
  },
  notes:
    'no EdDSA (`jsonwebtoken`). Fetches for a key that it does not know, and keeps each for 10 minutes (`cacheMaxAge`; here 1 s)',
  start: ({ jwks: jwksUri, algorithm, issuer, audience }) => {
    const secret = jwks.expressJwtSecret({ jwksUri, cache: true, cacheMaxAge: 1_000 }) as GetVerificationKey
    const app = express()
    app.use(expressjwt({ secret, audience, issuer, algorithms: [algorithm as Algorithm] }))
    app.use((_request, response) => void response.send('ok'))
    app.use(refused)
    return served(app)
  },
}
