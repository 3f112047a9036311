"""What joserfc says of each token on standard input: "ok", or the name of its error.

Arguments: JWKS URL, algorithm, issuer, audience."""

import json
import sys
from urllib.request import urlopen

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

jwks_url, algorithm, issuer, audience = sys.argv[1:]
registry = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": issuer},
    aud={"essential": True, "value": audience},
    exp={"essential": True},
    sub={"essential": True},
)


def fetched():
    with urlopen(jwks_url) as answer:
        return KeySet.import_key_set(json.load(answer))


keys = fetched()
for token in map(str.strip, sys.stdin):
    try:
        try:
            read = jwt.decode(token, keys, algorithms=[algorithm])
        except InvalidKeyIdError:
            keys = fetched()
            read = jwt.decode(token, keys, algorithms=[algorithm])
        registry.validate(read.claims)
        print("ok", flush=True)
    except JoseError as error:
        print(type(error).__name__, getattr(error, "claim", None) or "", flush=True)
