// PostGraphile that verifies the access token by itself, with jose: row-level security by what the token says.
import { createServer } from 'node:http'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

const { DATABASE_URL, PORT, JWKS, ALGORITHM, ISSUER, AUDIENCE } = process.env
const keys = createRemoteJWKSet(new URL(JWKS), { cooldownDuration: 0 })

const served = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: DATABASE_URL, schemas: ['app'] })],
  grafserv: { graphiql: false },
  grafast: {
    context: ({ node }) => ({ pgSettings: { role: 'app_user', 'app.user_id': node.req.claims.sub } }),
  },
}).createServ(grafserv)

const server = createServer(async (request, response, next) => {
  try {
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const expected = { algorithms: [ALGORITHM], issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt' }
    request.claims = (await jwtVerify(token, keys, expected)).payload
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end(error.code)
    return
  }
  handle(request, response, next)
})
const handle = served.createHandler()
server.listen(Number(PORT), '127.0.0.1')
