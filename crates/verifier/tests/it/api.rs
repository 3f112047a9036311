//! An API whose verifier is fed by hand.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{
    Algorithm, Checks, Claims, FingerprintCookie, HasuraClaims, KeySet, SigningKey,
};
use countersign_core::{Clock, ManualClock, SessionId, Timestamp, UserId};
use countersign_verifier::{Feed, Policy, Shown, Verifier};

pub(crate) struct Api {
    pub(crate) key: SigningKey,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) verifier: Verifier,
    pub(crate) feed: Feed,
}

pub(crate) const COOKIE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Api {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000)));
        let mut policy = Policy::new(Checks::new("https://auth.example", "api"));
        change(&mut policy);
        let (verifier, feed) = Verifier::new(policy, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { key: SigningKey::generate(Algorithm::Es256).unwrap(), clock, verifier, feed }
    }

    /// One that has heard of its auth server.
    pub(crate) fn synced() -> Self {
        Self::new().told()
    }

    /// The same after its first news.
    pub(crate) fn told(self) -> Self {
        self.feed.keys(KeySet::from_iter([self.key.public().unwrap().clone()]));
        self.heartbeat();
        self
    }

    pub(crate) fn heartbeat(&self) {
        let now = self.clock.now();
        self.feed.heartbeat(Heartbeat { as_of: now, now });
    }

    /// A token that was signed now.
    pub(crate) fn token(&self) -> String {
        self.key.sign(&self.claims(), "at+jwt").unwrap()
    }

    pub(crate) fn claims(&self) -> Claims {
        let iat = self.clock.now().as_secs();
        Claims {
            iss: "https://auth.example".into(),
            sub: UserId::from_bytes([1; 16]),
            aud: "api".into(),
            iat,
            exp: iat + 900,
            jti: "jti".into(),
            sid: SessionId::from_bytes([2; 16]),
            cep: 1,
            client_id: "countersign".into(),
            preferred_username: None,
            hasura: HasuraClaims {
                user_id: "usr".into(),
                default_role: "user".into(),
                allowed_roles: vec!["user".into()],
                custom: std::collections::BTreeMap::new(),
                fingerprint: Some(FingerprintCookie::parse(COOKIE).unwrap().hash()),
            },
            extra: serde_json::Map::new(),
        }
    }

    pub(crate) fn ended(&self) -> Batch {
        let until = self.clock.now().plus(Duration::from_hours(1));
        Batch { sessions: vec![(SessionId::from_bytes([2; 16]), until)], ..Batch::default() }
    }
}

/// What a request shows that comes with its cookie.
pub(crate) fn shown(token: &str) -> Shown<'_> {
    Shown { token: Some(token), fingerprint: Some(COOKIE) }
}
