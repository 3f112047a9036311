"""What PyJWT says of a token: "ok", or the name of its error. Arguments: JWKS URL, algorithm, issuer, audience, token."""

import sys

import jwt

jwks_url, algorithm, issuer, audience, token = sys.argv[1:]
try:
    jwt.decode(
        token,
        jwt.PyJWKClient(jwks_url).get_signing_key_from_jwt(token),
        algorithms=[algorithm],
        issuer=issuer,
        audience=audience,
        options={"require": ["aud", "exp", "iat", "iss", "sub"]},
    )
    print("ok")
except jwt.PyJWTError as error:
    print(type(error).__name__)
