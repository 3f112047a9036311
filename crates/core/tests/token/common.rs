//! One user's claims, and keys to sign them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use countersign_core::token::{Algorithm, Checks, Claims, HasuraClaims, KeySet, SigningKey};
use countersign_core::{SessionId, Timestamp, UserId};

pub(crate) const ISSUER: &str = "https://auth.example";
pub(crate) const ISSUED: u64 = 1_800_000_000;
pub(crate) const NOW: Timestamp = Timestamp::from_secs(ISSUED + 60);

pub(crate) fn checks() -> Checks {
    Checks::new(ISSUER, "api")
}

pub(crate) fn claims() -> Claims {
    Claims {
        iss: ISSUER.into(),
        sub: UserId::from_bytes([1; 16]),
        aud: "api".into(),
        iat: ISSUED,
        exp: ISSUED + 900,
        jti: "b7k".into(),
        sid: SessionId::from_bytes([2; 16]),
        cep: 3,
        client_id: "countersign".into(),
        preferred_username: Some("ada".into()),
        hasura: HasuraClaims {
            user_id: "usr_1".into(),
            default_role: "user".into(),
            allowed_roles: vec!["user".into(), "editor".into()],
            custom: BTreeMap::from([("x-hasura-org-id".into(), "7".into())]),
            fingerprint: None,
        },
        extra: serde_json::Map::new(),
    }
}

/// The keys that verify what `key` signs.
pub(crate) fn key_set(key: &SigningKey) -> KeySet {
    let mut set: KeySet = key.public().cloned().into_iter().collect();
    if key.algorithm() == Algorithm::Hs256 {
        set.danger_insert_hs256(&key.to_bytes().unwrap()).unwrap();
    }
    set
}

/// The keys of `vectors/test-keys.json`, one for each algorithm.
pub(crate) fn keys() -> Vec<SigningKey> {
    let texts: BTreeMap<String, String> =
        serde_json::from_str(include_str!("../../../../vectors/test-keys.json")).unwrap();
    let key = |&algorithm: &Algorithm| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&texts[algorithm.name()]).unwrap();
        SigningKey::from_bytes(algorithm, &bytes).unwrap()
    };
    Algorithm::ALL.iter().map(key).collect()
}
