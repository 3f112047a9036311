//! Do others accept our tokens, through nothing but the JWKS document? The crate `jsonwebtoken`, and what the two
//! Hasura engines check, restated.

use countersign_core::token::Algorithm;
use countersign_core::{Clock as _, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::client::{Client, server_with, signed_up};

#[path = "../../examples/hasura/engine.rs"]
mod engine;

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

#[tokio::test]
async fn both_hasura_engines_accept_them() {
    for algorithm in PUBLIC {
        let (api, ann) = Api::of(algorithm).await;
        let token = ann.bearer.unwrap();
        let claims = api.verify(&token, "api", &api.issuer).unwrap();
        let at = |now| engine::Expected { issuer: &api.issuer, audience: "api", now };
        assert_eq!(engine::v2(&token, &api.keys, &at(api.now)), Ok(()), "{claims}");
        assert_eq!(engine::v3(&token, &api.keys, &at(api.now), 60), Ok(()), "{claims}");
        assert_eq!(engine::v2(&token, &api.keys, &at(api.now + 900)), Err("JWTExpired".into()));
        assert_eq!(engine::v3(&token, &api.keys, &at(api.now + 961), 60), Err("ExpiredSignature".into()));
        let early = engine::v2(&token, &api.keys, &at(api.now - 1));
        assert_eq!(early, Err("JWTIssuedAtFuture".into()), "`iat` is not rounded up");

        let fingerprint = claims[NAMESPACE]["X-User-Fingerprint"].as_str().unwrap();
        assert!(
            fingerprint.len() == 64 && fingerprint.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
        );
        assert_eq!(claims[NAMESPACE]["x-hasura-user-id"], claims["sub"]);
        assert!(!claims["sub"].as_str().unwrap().contains(':'), "or it would have to be a URI");
    }
}
