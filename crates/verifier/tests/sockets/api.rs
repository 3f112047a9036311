//! An API whose verifier is fed by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{
    Algorithm, Checks, Claims, FingerprintCookie, HasuraClaims, KeySet, SigningKey,
};
use countersign_core::{Clock, ManualClock, SessionId, Timestamp, UserId};
use countersign_verifier::{Feed, Policy, Staleness, Verifier};

/// The value of the fingerprint cookie.
pub(crate) const COOKIE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
pub(crate) const SESSION: SessionId = SessionId::from_bytes([2; 16]);
pub(crate) const USER: UserId = UserId::from_bytes([1; 16]);

pub(crate) struct Api {
    pub(crate) key: SigningKey,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) verifier: Verifier,
    pub(crate) feed: Feed,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::with(Staleness::default())
    }

    pub(crate) fn with(staleness: Staleness) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000)));
        let mut policy = Policy::new(Checks::new("https://auth.example", "api"));
        policy.staleness = staleness;
        let (verifier, feed) = Verifier::new(policy, Arc::clone(&clock) as Arc<dyn Clock>);
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        feed.keys(KeySet::from_iter([key.public().unwrap().clone()]));
        let now = clock.now();
        feed.heartbeat(Heartbeat { as_of: now, now });
        Self { key, clock, verifier, feed }
    }

    /// `Bearer …` of a session, signed now.
    pub(crate) fn bearer(&self, sid: SessionId) -> String {
        let iat = self.clock.now().as_secs();
        let hasura = HasuraClaims {
            user_id: "usr".into(),
            default_role: "user".into(),
            allowed_roles: vec!["user".into()],
            custom: BTreeMap::new(),
            fingerprint: Some(FingerprintCookie::parse(COOKIE).unwrap().hash()),
        };
        let claims = Claims {
            iss: "https://auth.example".into(),
            sub: USER,
            aud: "api".into(),
            iat,
            exp: iat + 900,
            jti: "jti".into(),
            sid,
            cep: 1,
            client_id: "countersign".into(),
            preferred_username: None,
            hasura,
            extra: serde_json::Map::new(),
        };
        format!("Bearer {}", self.key.sign(&claims, "at+jwt").unwrap())
    }

    /// That the session has ended.
    pub(crate) fn end(&self) {
        self.feed.apply(&Batch { sessions: vec![(SESSION, self.entry())], ..Batch::default() });
    }

    pub(crate) fn entry(&self) -> Timestamp {
        self.clock.now().plus(Duration::from_hours(1))
    }
}
