use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use countersign_core::denylist::Heartbeat;
use countersign_core::token::{
    ACCESS_TOKEN_TYP, Algorithm, Checks, Claims, FingerprintCookie, HasuraClaims, KeySet, SigningKey,
};
use countersign_core::{Clock, ManualClock, SessionId, Timestamp, UserId};
use countersign_verifier::{Feed, Policy, Shown, Verifier};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(crate) const COOKIE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// An API that has heard of its auth server.
pub(crate) struct World {
    pub(crate) key: SigningKey,
    pub(crate) verifier: Verifier,
    pub(crate) feed: Feed,
}

impl World {
    pub(crate) fn new(algorithm: Algorithm, signatures: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
        let mut policy = Policy::new(Checks::new("https://auth.example", "api"));
        policy.signatures = signatures;
        let (verifier, feed) = Verifier::new(policy, clock);
        let key = SigningKey::generate(algorithm).unwrap();
        feed.keys(KeySet::from_iter([key.public().unwrap().clone()]));
        feed.heartbeat(Heartbeat { as_of: NOW, now: NOW });
        Self { key, verifier, feed }
    }

    /// Tokens of as many sessions, with the claims that Hasura wants.
    pub(crate) fn tokens(&self, count: u32) -> Vec<String> {
        let mut claims = Claims {
            iss: "https://auth.example".into(),
            sub: UserId::from_bytes([1; 16]),
            aud: "api".into(),
            iat: NOW.as_secs(),
            exp: NOW.as_secs() + 900,
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
                fingerprint: Some(FingerprintCookie::parse(COOKIE).unwrap().hash()),
            },
            extra: serde_json::Map::new(),
        };
        let mut token = |number| {
            claims.sid = id(u64::from(number) | 1 << 32);
            self.key.sign(&claims, ACCESS_TOKEN_TYP).unwrap()
        };
        (0..count).map(&mut token).collect()
    }
}

pub(crate) fn shown(token: &str) -> Shown<'_> {
    Shown { token: Some(token), fingerprint: Some(COOKIE) }
}

/// A session's id, as far from that of the next number as a random one.
pub(crate) fn id(number: u64) -> SessionId {
    let spread = (number ^ (number >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let spread = (spread ^ (spread >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    SessionId::from_bytes((u128::from(number) << 64 | u128::from(spread)).to_be_bytes())
}

/// What the process holds in memory, in kB.
pub(crate) fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
}
