import {
  createRemoteJwksSigningKeyProvider,
  extractFromHeader,
  type JWTExtendContextFields,
  useJWT,
} from '@graphql-yoga/plugin-jwt'
import { createSchema, createYoga } from 'graphql-yoga'
import type { Algorithm } from 'jsonwebtoken'
import { asking, served } from '../served.ts'
import { npm, type Tool } from '../tool.ts'

const schema = createSchema<{ jwt?: JWTExtendContextFields }>({
  typeDefs: 'type Query { me: String }',
  resolvers: { Query: { me: (_, __, context) => context.jwt?.payload.sub } },
})

export const yoga: Tool = {
  name: 'graphql-yoga with plugin-jwt',
  version: () => `${npm('graphql-yoga')} with ${npm('@graphql-yoga/plugin-jwt')}`,
  algorithms: ['ES256', 'RS256'],
  says: {
    expired: 'Unauthenticated',
    audience: 'Unauthenticated',
    issuer: 'Unauthenticated',
    tampered: 'Unauthenticated',
    withdrawn: 'Unexpected error',
  },
  notes:
    'no EdDSA (`jsonwebtoken`); ES256 must be listed in `algorithms`. Keeps keys as express-jwt does (here 1 s); 401 says no more than "Unauthenticated", and a key that is nowhere is a 500',
  start: ({ jwks, algorithm, issuer, audience }) => {
    const keys = createRemoteJwksSigningKeyProvider({ jwksUri: jwks, cache: true, cacheMaxAge: 1_000 })
    const jwt = useJWT({
      signingKeyProviders: [keys],
      tokenLookupLocations: [extractFromHeader({ name: 'authorization', prefix: 'Bearer' })],
      tokenVerification: { issuer, audience, algorithms: [algorithm as Algorithm] },
      extendContext: true,
      reject: { missingToken: true, invalidToken: true },
    })
    const server = createYoga({ schema, plugins: [jwt], logging: false })
    return served(server, asking('{ me }'))
  },
}
