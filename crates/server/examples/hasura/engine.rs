//! What the two engines check of a token, restated from their sources: version 2 is Haskell with `jose`, version 3
//! is Rust with `jsonwebtoken`.

use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde_json::Value;

const NAMESPACE: &str = "https://hasura.io/jwt/claims";

/// Of whom and for whom tokens must be, as an engine is configured.
pub(crate) struct Expected<'e> {
    pub(crate) issuer: &'e str,
    pub(crate) audience: &'e str,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// Version 2: every key of the set is tried, and `kid` is not asked for.
pub(crate) fn v2(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<(), String> {
    let header = decode_header(token).map_err(|error| error.to_string())?;
    let mut tried =
        keys.keys.iter().filter_map(|key| signed(token, &header, &DecodingKey::from_jwk(key).ok()?).ok());
    let claims = tried.next().ok_or("JWSInvalidSignature")?;
    if claim(&claims, "exp").as_u64().is_some_and(|exp| expected.now >= exp) {
        return Err("JWTExpired".into());
    }
    if claim(&claims, "iat").as_u64().is_some_and(|iat| iat > expected.now) {
        return Err("JWTIssuedAtFuture".into());
    }
    if claim(&claims, "iss") != expected.issuer {
        return Err("JWTNotInIssuer".into());
    }
    if claim(&claims, "aud") != expected.audience {
        return Err("JWTNotInAudience".into());
    }
    let session = claim(&claims, NAMESPACE).as_object().ok_or("jwt-invalid-claims")?;
    let of_session = session.iter().filter(|(name, _)| name.to_lowercase().starts_with("x-hasura-"));
    for (name, value) in of_session.filter(|(name, _)| *name != "x-hasura-allowed-roles") {
        value.as_str().ok_or(format!("x-hasura-* claims: {name}"))?;
    }
    roles(session.get("x-hasura-allowed-roles"), session.get("x-hasura-default-role"))
}

/// Version 3: `kid` and `exp` are wanted, `alg` must be the key's, and members are lower case to the letter.
/// `skew` is its `allowedSkew`, 60 s unless it is told.
pub(crate) fn v3(token: &str, keys: &JwkSet, expected: &Expected<'_>, skew: u64) -> Result<(), String> {
    let header = decode_header(token).map_err(|error| error.to_string())?;
    let kid = header.kid.as_ref().ok_or("`kid` header claim not found")?;
    let key = keys.find(kid).ok_or("no key of this `kid`")?;
    let fits = match (&key.algorithm, header.alg) {
        (AlgorithmParameters::EllipticCurve(_), Algorithm::ES256 | Algorithm::ES384)
        | (AlgorithmParameters::OctetKeyPair(_), Algorithm::EdDSA) => true,
        (AlgorithmParameters::RSA(_), algorithm) => format!("{algorithm:?}").starts_with(['R', 'P']),
        _ => false,
    };
    if !fits || key.common.key_algorithm.is_none() {
        return Err("the algorithm is not the key's".into());
    }
    let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    let claims = signed(token, &header, &key)?;
    let exp = claim(&claims, "exp").as_u64().ok_or("`exp` is required")?;
    if expected.now > exp + skew {
        return Err("ExpiredSignature".into());
    }
    if claim(&claims, "iss") != expected.issuer {
        return Err("InvalidIssuer".into());
    }
    if claim(&claims, "aud") != expected.audience {
        return Err("InvalidAudience".into());
    }
    let session = claims.pointer("/https:~1~1hasura.io~1jwt~1claims").ok_or("no claims at the pointer")?;
    roles(session.get("x-hasura-allowed-roles"), session.get("x-hasura-default-role"))
}

/// The claims, if this key made the signature. The library reads the machine's clock, so times are judged above.
fn signed(token: &str, header: &Header, key: &DecodingKey) -> Result<Value, String> {
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims::<&str>(&[]);
    decode(token, key, &validation).map(|read| read.claims).map_err(|error| error.to_string())
}

fn claim<'c>(claims: &'c Value, name: &str) -> &'c Value {
    claims.get(name).unwrap_or(&Value::Null)
}

fn roles(allowed: Option<&Value>, default: Option<&Value>) -> Result<(), String> {
    let allowed = allowed.and_then(Value::as_array).ok_or("jwt-missing-role-claims: allowed")?;
    let default = default.filter(|role| role.is_string()).ok_or("jwt-missing-role-claims: default")?;
    let twice =
        allowed.iter().enumerate().any(|(at, role)| allowed.iter().take(at).any(|before| before == role));
    if !allowed.contains(default) || !allowed.iter().all(Value::is_string) || twice {
        return Err("access-denied".into());
    }
    Ok(())
}
