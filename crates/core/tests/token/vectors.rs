//! The vectors that every language reads.

use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::token::{
    Algorithm, Checks, Expected, FingerprintCookie, FingerprintHash, KeySet, PublicKey, Reject, Unverified,
};
use serde::Deserialize;
use serde_json::Value;

use crate::common::keys;

#[derive(Deserialize)]
struct Tokens {
    issuer: String,
    audience: String,
    typ: String,
    leeway: u64,
    now: u64,
    jwks: Value,
    cases: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    name: String,
    #[serde(rename = "token")]
    text: String,
    now: Option<u64>,
    answer: String,
}

#[test]
fn access_tokens() {
    let file: Tokens = serde_json::from_str(include_str!("../../../../vectors/tokens.json")).unwrap();
    assert!(file.cases.len() >= 150, "the vector file was cut");
    let mut key_set = KeySet::from_jwks(file.jwks.to_string().as_bytes()).unwrap();
    let shared = keys().into_iter().find(|key| key.algorithm() == Algorithm::Hs256).unwrap();
    key_set.danger_insert_hs256(&shared.to_bytes().unwrap()).unwrap();
    let checks = Checks {
        issuer: file.issuer,
        audience: file.audience,
        typ: file.typ,
        leeway: Duration::from_secs(file.leeway),
    };
    for case in &file.cases {
        let now = Timestamp::from_secs(case.now.unwrap_or(file.now));
        let answer =
            Unverified::parse(&case.text).and_then(|unverified| unverified.verify(&key_set, &checks, now));
        assert_eq!(answer.map_or_else(Reject::name, |_| "ok"), case.answer, "vector: {}", case.name);
    }
    for reject in Reject::ALL {
        assert!(
            file.cases.iter().any(|case| case.answer == reject.name()),
            "no vector is refused for {reject:?}"
        );
    }
}

#[derive(Deserialize)]
struct Rfc {
    cases: Vec<Foreign>,
}

#[derive(Deserialize)]
struct Foreign {
    name: String,
    mode: String,
    jwks: Value,
    token: String,
    #[serde(default)]
    expect: Asked,
    answer: String,
}

#[derive(Deserialize, Default)]
struct Asked {
    now: Option<u64>,
    #[serde(default)]
    skew: u64,
    iss: Option<String>,
    aud: Option<String>,
    typ: Option<String>,
}

#[test]
fn examples_of_the_rfcs() {
    for text in [
        include_str!("../../../../vectors/rfc7515.json"),
        include_str!("../../../../vectors/rfc7519.json"),
        include_str!("../../../../vectors/rfc7520.json"),
        include_str!("../../../../vectors/rfc8037.json"),
    ] {
        let file: Rfc = serde_json::from_str(text).unwrap();
        assert!(file.cases.len() >= 4, "the vector file was cut");
        for case in file.cases {
            let answer = verify(&case).map_or_else(Reject::name, |()| "ok");
            assert_eq!(answer, case.answer, "vector: {}", case.name);
        }
    }
}

fn verify(case: &Foreign) -> Result<(), Reject> {
    let keys = KeySet::danger_from_jwks_with_secrets(case.jwks.to_string().as_bytes()).unwrap();
    let unverified = Unverified::parse_foreign(&case.token)?;
    if case.mode == "jws" {
        return unverified.verify_jws(&keys, Algorithm::ALL).map(drop);
    }
    let asked = &case.expect;
    let expected = Expected {
        now: asked.now.map(Timestamp::from_secs),
        leeway: Duration::from_secs(asked.skew),
        issuer: asked.iss.clone(),
        audience: asked.aud.clone(),
        typ: asked.typ.clone(),
    };
    unverified.verify_jwt(&keys, Algorithm::ALL, &expected).map(drop)
}

#[derive(Deserialize)]
struct Thumbprints {
    cases: Vec<Thumbprint>,
}

#[derive(Deserialize)]
struct Thumbprint {
    name: String,
    jwk: Value,
    #[serde(rename = "thumbprint")]
    kid: String,
}

#[test]
fn thumbprints() {
    let file: Thumbprints = serde_json::from_str(include_str!("../../../../vectors/rfc7638.json")).unwrap();
    assert_eq!(file.cases.len(), 2, "the vector file was cut");
    for case in file.cases {
        let key = PublicKey::from_jwk(case.jwk.to_string().as_bytes()).unwrap();
        assert_eq!(key.kid(), case.kid, "vector: {}", case.name);
    }
}

#[derive(Deserialize)]
struct Fingerprints {
    good: Vec<Good>,
    bad: Vec<Bad>,
}

#[derive(Deserialize)]
struct Good {
    name: String,
    cookie: String,
    hash: String,
}

#[derive(Deserialize)]
struct Bad {
    name: String,
    cookie: String,
}

#[test]
fn fingerprints() {
    let file: Fingerprints =
        serde_json::from_str(include_str!("../../../../vectors/fingerprints.json")).unwrap();
    assert!(file.good.len() >= 4 && file.bad.len() >= 10, "the vector file was cut");
    for case in file.good {
        let cookie = FingerprintCookie::parse(&case.cookie).unwrap();
        assert_eq!(cookie.text().as_str(), case.cookie, "vector: {}", case.name);
        assert_eq!(cookie.hash().to_string(), case.hash, "vector: {}", case.name);
        assert_eq!(FingerprintHash::from_hex(&case.hash), Ok(cookie.hash()), "vector: {}", case.name);
    }
    for case in file.bad {
        assert!(FingerprintCookie::parse(&case.cookie).is_err(), "vector: {}", case.name);
    }
}
