//! Do others accept our tokens, through nothing but the JWKS document? The crate `jsonwebtoken`, and what the two
//! Hasura engines check, restated.

use countersign_core::token::Algorithm;
use countersign_core::{Clock as _, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::client::{Client, server_with, signed_up};

const NAMESPACE: &str = "https://hasura.io/jwt/claims";
const PUBLIC: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// What an API knows of us.
struct Api {
    keys: JwkSet,
    issuer: String,
    now: u64,
    login: String,
}

impl Api {
    async fn of(algorithm: Algorithm) -> (Self, Client) {
        let server = server_with(|config| config.signing_alg = algorithm).await;
        let mut ann = signed_up(&server, json!({})).await;
        let answer = ann.get("/.well-known/jwks.json").await;
        let keys = serde_json::from_value(answer.body).unwrap();
        let now = server.clock.now().as_secs();
        // It judges by the time of the machine, so the past of the server is its past.
        server.clock.set(Timestamp::from_secs(1_600_000_000));
        let login = ann.clone().login(json!({})).await.text("/jwt_token");
        (Self { keys, issuer: server.url.clone(), now, login }, ann)
    }

    fn verify(&self, token: &str, audience: &str, issuer: &str) -> Result<Value, ErrorKind> {
        let header = decode_header(token).map_err(jsonwebtoken::errors::Error::into_kind)?;
        let key = self.keys.find(&header.kid.unwrap()).unwrap();
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let read = decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation);
        read.map(|read| read.claims).map_err(jsonwebtoken::errors::Error::into_kind)
    }
}

#[tokio::test]
async fn another_library_verifies_them_and_refuses_what_is_wrong() {
    for algorithm in PUBLIC {
        let (api, ann) = Api::of(algorithm).await;
        let token = ann.bearer.unwrap();
        let claims = api.verify(&token, "api", &api.issuer).unwrap();
        assert_eq!(claims["client_id"], "countersign");
        assert_eq!(decode_header(&token).unwrap().typ.unwrap(), "at+jwt");

        assert_eq!(api.verify(&token, "other", &api.issuer), Err(ErrorKind::InvalidAudience));
        assert_eq!(api.verify(&token, "api", "http://other"), Err(ErrorKind::InvalidIssuer));
        assert_eq!(api.verify(&api.login, "api", &api.issuer), Err(ErrorKind::ExpiredSignature));
        // The payload of one token under the signature of another.
        let (signed, _) = token.rsplit_once('.').unwrap();
        let (_, signature) = api.login.rsplit_once('.').unwrap();
        let tampered = format!("{signed}.{signature}");
        assert_eq!(api.verify(&tampered, "api", &api.issuer), Err(ErrorKind::InvalidSignature));
    }
}

/// What version 2 of the engine checks once a key of the set has verified the signature.
fn engine_v2(claims: &Value, issuer: &str, now: u64) -> Result<(), String> {
    if claims["exp"].as_u64().is_some_and(|exp| now >= exp) {
        return Err("JWTExpired".into());
    }
    if claims["iat"].as_u64().is_some_and(|iat| iat > now) {
        return Err("JWTIssuedAtFuture".into());
    }
    if claims["iss"] != issuer || claims["aud"] != "api" {
        return Err("JWTNotInIssuer or JWTNotInAudience".into());
    }
    let session = claims[NAMESPACE].as_object().ok_or("jwt-invalid-claims")?;
    let of_session = session.iter().filter(|(name, _)| name.to_lowercase().starts_with("x-hasura-"));
    for (name, value) in of_session.filter(|(name, _)| *name != "x-hasura-allowed-roles") {
        value.as_str().ok_or(format!("x-hasura-* claims: {name}"))?;
    }
    roles(session.get("x-hasura-allowed-roles"), session.get("x-hasura-default-role"))
}

/// What version 3 of the engine checks: `kid` and `exp` are wanted, and keys are lower case to the letter.
fn engine_v3(token: &str, keys: &JwkSet, claims: &Value, now: u64) -> Result<(), String> {
    let header = decode_header(token).map_err(|error| error.to_string())?;
    let kid = header.kid.ok_or("`kid` header claim not found")?;
    keys.find(&kid)
        .and_then(|key| key.common.key_algorithm)
        .ok_or("no key of this `kid`, or without `alg`")?;
    let exp = claims["exp"].as_u64().ok_or("`exp` is required")?;
    if now > exp + 60 {
        return Err("expired".into());
    }
    let session = claims.pointer("/https:~1~1hasura.io~1jwt~1claims").ok_or("no claims at the pointer")?;
    roles(session.get("x-hasura-allowed-roles"), session.get("x-hasura-default-role"))
}

fn roles(allowed: Option<&Value>, default: Option<&Value>) -> Result<(), String> {
    let allowed = allowed.and_then(Value::as_array).ok_or("jwt-missing-role-claims: allowed")?;
    let default = default.filter(|role| role.is_string()).ok_or("jwt-missing-role-claims: default")?;
    let twice = allowed.iter().enumerate().any(|(at, role)| allowed[..at].contains(role));
    if !allowed.contains(default) || !allowed.iter().all(Value::is_string) || twice {
        return Err("access-denied".into());
    }
    Ok(())
}

#[tokio::test]
async fn both_hasura_engines_accept_them() {
    for algorithm in PUBLIC {
        let (api, ann) = Api::of(algorithm).await;
        let token = ann.bearer.unwrap();
        let claims = api.verify(&token, "api", &api.issuer).unwrap();
        assert_eq!(engine_v2(&claims, &api.issuer, api.now), Ok(()), "{claims}");
        assert_eq!(engine_v3(&token, &api.keys, &claims, api.now), Ok(()), "{claims}");
        assert!(engine_v2(&claims, &api.issuer, api.now + 900).is_err());
        assert!(engine_v3(&token, &api.keys, &claims, api.now + 961).is_err());
        assert!(engine_v2(&claims, &api.issuer, api.now - 1).is_err(), "`iat` is not rounded up");

        let fingerprint = claims[NAMESPACE]["X-User-Fingerprint"].as_str().unwrap();
        assert!(
            fingerprint.len() == 64 && fingerprint.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
        );
        assert_eq!(claims[NAMESPACE]["x-hasura-user-id"], claims["sub"]);
        assert!(!claims["sub"].as_str().unwrap().contains(':'), "or it would have to be a URI");
    }
}
