//! The same tokens before `jsonwebtoken`, the library that Hasura v3 and many Rust APIs verify with.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use countersign_core::token::{ACCESS_TOKEN_TYP, Algorithm, Claims, KeySet, SigningKey, Unverified};
use jsonwebtoken::{DecodingKey, Validation, decode, jwk::JwkSet};
use serde_json::{Value, json};

use crate::common::{ISSUER, NOW, checks, claims, key_set, keys};
use crate::forge::Forge;

/// One key as both libraries know it.
struct Both {
    key: SigningKey,
    ours: KeySet,
    theirs: DecodingKey,
    validation: Validation,
}

impl Both {
    fn all() -> Vec<Self> {
        keys().into_iter().map(Self::new).collect()
    }

    fn new(key: SigningKey) -> Self {
        let ours = key_set(&key);
        let theirs = if key.algorithm() == Algorithm::Hs256 {
            DecodingKey::from_secret(&key.to_bytes().unwrap())
        } else {
            let set: JwkSet = serde_json::from_str(&ours.to_jwks()).unwrap();
            DecodingKey::from_jwk(set.find(key.kid()).unwrap()).unwrap()
        };
        let mut validation = Validation::new(serde_json::from_value(json!(key.algorithm())).unwrap());
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&["api"]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // It reads the machine's clock; times have their vectors.
        validation.validate_exp = false;
        Self { key, ours, theirs, validation }
    }

    fn we(&self, token: &str) -> Option<Claims> {
        let verified = Unverified::parse(token).and_then(|token| token.verify(&self.ours, &checks(), NOW));
        verified.ok().map(countersign_core::token::Verified::into_inner)
    }

    fn they(&self, token: &str) -> Option<Value> {
        decode::<Value>(token, &self.theirs, &self.validation).ok().map(|token| token.claims)
    }
}

#[test]
fn they_read_what_we_sign() {
    for both in Both::all() {
        let token = both.key.sign(&claims(), ACCESS_TOKEN_TYP).unwrap();
        assert_eq!(both.they(&token), Some(json!(claims())), "{}", both.key.algorithm());
    }
}

#[test]
fn they_read_our_public_keys_as_pem() {
    for mut both in Both::all() {
        let Some(pem) = both.key.public_pem().unwrap() else {
            assert_eq!(both.key.algorithm(), Algorithm::Hs256);
            continue;
        };
        assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
        both.theirs = match both.key.algorithm() {
            Algorithm::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
            Algorithm::Rs256 => DecodingKey::from_rsa_pem(pem.as_bytes()),
            _ => DecodingKey::from_ec_pem(pem.as_bytes()),
        }
        .unwrap();
        let token = both.key.sign(&claims(), ACCESS_TOKEN_TYP).unwrap();
        assert!(both.they(&token).is_some(), "{}", both.key.algorithm());
    }
}

#[test]
fn we_read_what_they_sign() {
    for both in Both::all() {
        let header = json!({"typ": "at+jwt", "alg": both.key.algorithm(), "kid": both.key.kid()});
        let payload = json!(claims()).to_string();
        let token = Forge::new(&both.key).unwrap().token(&header.to_string(), payload.as_bytes()).unwrap();
        assert_eq!(both.we(&token), Some(claims()), "{}", both.key.algorithm());
    }
}

#[test]
fn both_refuse_every_flipped_bit() {
    for both in Both::all() {
        let token = both.key.sign(&claims(), ACCESS_TOKEN_TYP).unwrap();
        assert!(both.we(&token).is_some() && both.they(&token).is_some());
        for at in (0..token.len() * 8).step_by(7) {
            let mut bytes = token.clone().into_bytes();
            bytes[at / 8] ^= 1 << (at % 8);
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(both.we(&text).is_none() && both.they(&text).is_none(), "bit {at}");
        }
    }
}

#[test]
fn both_refuse_the_other_key_of_each_algorithm() {
    for both in Both::all() {
        let stranger = SigningKey::generate(both.key.algorithm()).unwrap();
        let header = json!({"typ": "at+jwt", "alg": both.key.algorithm(), "kid": both.key.kid()});
        let payload = json!(claims()).to_string();
        let token = Forge::new(&stranger).unwrap().token(&header.to_string(), payload.as_bytes()).unwrap();
        assert!(both.we(&token).is_none() && both.they(&token).is_none());
    }
}

#[test]
fn we_refuse_every_vector_that_they_refuse() {
    let file: Value = serde_json::from_str(include_str!("../../../../vectors/tokens.json")).unwrap();
    let all = Both::all();
    let mut refused = 0;
    for case in file["cases"].as_array().unwrap() {
        let token = case["token"].as_str().unwrap();
        let header = token.split('.').next().and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
        let header: Value = header.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let both = all.iter().find(|both| header["alg"] == both.key.algorithm().name()).unwrap_or(&all[0]);
        if both.they(token).is_none() {
            refused += 1;
            assert!(both.we(token).is_none(), "vector: {}", case["name"]);
        }
    }
    assert!(refused >= 60, "only {refused} vectors are refused by both");
}
