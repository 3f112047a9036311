import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { npm, type Tool } from '../tool.ts'

export const jose: Tool = {
  name: 'jose',
  version: () => npm('jose'),
  algorithms: ['ES256', 'EdDSA', 'RS256'],
  says: {
    expired: 'ERR_JWT_EXPIRED',
    audience: 'ERR_JWT_CLAIM_VALIDATION_FAILED aud',
    issuer: 'ERR_JWT_CLAIM_VALIDATION_FAILED iss',
    tampered: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    withdrawn: 'ERR_JWKS_NO_MATCHING_KEY',
  },
  notes: 'fetches for a key that it does not know, at most each 30 s (`cooldownDuration`; here 0)',
  start: async ({ jwks, algorithm, issuer, audience }) => {
    const keys = createRemoteJWKSet(new URL(jwks), { cooldownDuration: 0 })
    const options = { algorithms: [algorithm], issuer, audience, typ: 'at+jwt' }
    return {
      judge: token =>
        jwtVerify(token, keys, options).then(
          () => 'ok',
          error => {
            if (error instanceof errors.JWTClaimValidationFailed) return `${error.code} ${error.claim}`
            if (error instanceof errors.JOSEError) return error.code
            throw error
          },
        ),
    }
  },
}
