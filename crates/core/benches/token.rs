//! What a token costs beyond its signature: `bare` is aws-lc-rs, base64 and derived JSON by hand, without a check.
//!
//! `cargo bench -p countersign-core --features issuer --bench token`. Compare pairs of one run only.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::collections::BTreeMap;
use std::hint::black_box;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use countersign_core::token::{
    ACCESS_TOKEN_TYP, Algorithm, Checks, Claims, FingerprintHash, HasuraClaims, KeySet, SigningKey,
    Unverified,
};
use countersign_core::{SessionId, Timestamp, UserId};
use criterion::{Criterion, criterion_group, criterion_main};
use serde::Deserialize;
use serde_json::Map;

const ISSUER: &str = "https://auth.example";
const NOW: Timestamp = Timestamp::from_secs(1_800_000_060);

fn claims() -> Claims {
    Claims {
        iss: ISSUER.into(),
        sub: UserId::from_bytes([1; 16]),
        aud: "api".into(),
        iat: 1_800_000_000,
        exp: 1_800_000_900,
        jti: "kPrK_qmxVWaYVA9wwBF6Iu".into(),
        sid: SessionId::from_bytes([2; 16]),
        cep: 3,
        client_id: "countersign".into(),
        preferred_username: Some("ada".into()),
        hasura: HasuraClaims {
            user_id: UserId::from_bytes([1; 16]).to_string().into(),
            default_role: "user".into(),
            allowed_roles: vec!["user".into(), "editor".into()],
            custom: BTreeMap::from([("x-hasura-org-id".into(), "7".into())]),
            fingerprint: Some(FingerprintHash::from_bytes([9; 32])),
        },
        extra: Map::new(),
    }
}

/// The claims as derived code reads them, with nothing checked.
#[derive(Deserialize)]
#[expect(dead_code, reason = "reading them is what is measured")]
struct BareClaims {
    iss: String,
    sub: String,
    aud: String,
    iat: u64,
    exp: u64,
    jti: String,
    sid: String,
    cep: u64,
    client_id: String,
    preferred_username: Option<String>,
    #[serde(rename = "https://hasura.io/jwt/claims")]
    hasura: BareHasura,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "reading them is what is measured")]
struct BareHasura {
    x_hasura_user_id: String,
    x_hasura_default_role: String,
    x_hasura_allowed_roles: Vec<String>,
    x_hasura_org_id: String,
    #[serde(rename = "X-User-Fingerprint")]
    fingerprint: String,
}

/// The same key in the words of aws-lc-rs.
enum Bare {
    EdDsa(Ed25519KeyPair, ParsedPublicKey),
    Es256(EcdsaKeyPair, ParsedPublicKey),
    Hs256(Box<hmac::Key>),
    Rs256(RsaKeyPair, ParsedPublicKey),
}

impl Bare {
    fn new(algorithm: Algorithm, bytes: &[u8]) -> Self {
        match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(bytes).unwrap();
                let public = ParsedPublicKey::new(&ED25519, pair.public_key()).unwrap();
                Self::EdDsa(pair, public)
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes).unwrap();
                let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()).unwrap();
                Self::Es256(pair, public)
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(bytes).unwrap();
                let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key()).unwrap();
                Self::Rs256(pair, public)
            }
            _ => Self::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, bytes))),
        }
    }

    fn sign(&self, header: &str, claims: &Claims, random: &dyn rand::SecureRandom) -> String {
        let payload = serde_json::to_vec(claims).unwrap();
        let mut token = String::with_capacity(2048);
        token.push_str(header);
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signed = token.as_bytes();
        let signature = match self {
            Self::EdDsa(pair, _) => pair.sign(signed).as_ref().to_vec(),
            Self::Es256(pair, _) => pair.sign(random, signed).unwrap().as_ref().to_vec(),
            Self::Hs256(key) => hmac::sign(key, signed).as_ref().to_vec(),
            Self::Rs256(pair, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, random, signed, &mut signature).unwrap();
                signature
            }
        };
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    fn verify(&self, token: &str) -> BareClaims {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (_, payload) = signed.split_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        match self {
            Self::EdDsa(_, key) | Self::Es256(_, key) | Self::Rs256(_, key) => {
                key.verify_sig(signed.as_bytes(), &signature).unwrap();
            }
            Self::Hs256(key) => hmac::verify(key, signed.as_bytes(), &signature).unwrap(),
        }
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }
}

fn tokens(criterion: &mut Criterion) {
    #[expect(clippy::disallowed_types, reason = "the library signs with its own generator only")]
    let random = rand::SystemRandom::new();
    let (claims, checks) = (claims(), Checks::new(ISSUER, "api"));
    for &algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let bare = Bare::new(algorithm, &key.to_bytes().unwrap());
        let mut keys: KeySet = key.public().cloned().into_iter().collect();
        if algorithm == Algorithm::Hs256 {
            keys.danger_insert_hs256(&key.to_bytes().unwrap()).unwrap();
        }
        let token = key.sign(&claims, ACCESS_TOKEN_TYP).unwrap();
        let (header, _) = token.split_once('.').unwrap();

        let mut group = criterion.benchmark_group(algorithm.name());
        group.bench_function("sign, bare", |b| {
            b.iter(|| bare.sign(header, black_box(&claims), &random));
        });
        group.bench_function("sign", |b| {
            b.iter(|| key.sign(black_box(&claims), ACCESS_TOKEN_TYP).unwrap());
        });
        group.bench_function("verify, bare", |b| b.iter(|| bare.verify(black_box(&token))));
        group.bench_function("verify", |b| {
            b.iter(|| Unverified::parse(black_box(&token)).unwrap().verify(&keys, &checks, NOW).unwrap());
        });
        group.finish();
    }
}

/// The dearest texts to refuse: none may cost a millisecond.
fn refusals(criterion: &mut Criterion) {
    let nested = format!("{{\"a\":{}", "[".repeat(5_000));
    let mut group = criterion.benchmark_group("refuse");
    for (name, text) in [
        ("1 MiB", "A".repeat(1 << 20)),
        ("1 MiB of dots", ".".repeat(1 << 20)),
        ("a deep header", format!("{}.e30.AA", BASE64_URL_SAFE_NO_PAD.encode(nested))),
    ] {
        group.bench_function(name, |b| b.iter(|| Unverified::parse(black_box(&text)).is_err()));
    }
    group.finish();
}

criterion_group!(benches, tokens, refusals);
criterion_main!(benches);
