"""What PyJWT says of each token on standard input: "ok", or the name of its error.

Arguments: JWKS URL, algorithm, issuer, audience."""

import sys

import jwt

jwks_url, algorithm, issuer, audience = sys.argv[1:]
keys = jwt.PyJWKClient(jwks_url, cooldown_duration=0)
for token in map(str.strip, sys.stdin):
    try:
        jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            options={"require": ["aud", "exp", "iat", "iss", "sub"]},
        )
        print("ok", flush=True)
    except jwt.PyJWTError as error:
        print(type(error).__name__, flush=True)
