//! The verifier as an API uses it, fed by hand.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{
    Algorithm, Checks, Claims, FingerprintCookie, HasuraClaims, KeySet, Reject, SigningKey,
};
use countersign_core::{Clock, Code, ManualClock, SessionId, Timestamp, UserId};
use countersign_verifier::variables::Variables;
use countersign_verifier::{Ended, Feed, Policy, Refused, Shown, Unready, Verifier};
use http::HeaderMap;

struct Api {
    key: SigningKey,
    clock: Arc<ManualClock>,
    verifier: Verifier,
    feed: Feed,
}

const COOKIE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Api {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000)));
        let policy = Policy::new(Checks::new("https://auth.example", "api"));
        let (verifier, feed) = Verifier::new(policy, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { key: SigningKey::generate(Algorithm::Es256).unwrap(), clock, verifier, feed }
    }

    /// One that has heard of its auth server.
    fn synced() -> Self {
        let api = Self::new();
        api.feed.keys(KeySet::from_iter([api.key.public().unwrap().clone()]));
        api.heartbeat();
        api
    }

    fn heartbeat(&self) {
        let now = self.clock.now();
        self.feed.heartbeat(Heartbeat { as_of: now, now });
    }

    fn shown(&self) -> Shown {
        let iat = self.clock.now().as_secs();
        let claims = Claims {
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
        };
        Shown {
            token: Some(self.key.sign(&claims, "at+jwt").unwrap()),
            fingerprint: Some(Ok(FingerprintCookie::parse(COOKIE).unwrap())),
        }
    }

    fn ended(&self) -> Batch {
        let until = self.clock.now().plus(Duration::from_hours(1));
        Batch { sessions: vec![(SessionId::from_bytes([2; 16]), until)], ..Batch::default() }
    }
}

#[tokio::test]
async fn nothing_passes_before_the_first_news_and_a_good_token_does_after() {
    let api = Api::new();
    let refused = api.verifier.verify(&api.shown()).await.unwrap_err();
    assert_eq!(refused, Refused::Unready(Unready::NeverSynced));
    assert_eq!(refused.code(), Code::Unavailable);

    let api = Api::synced();
    let verified = api.verifier.verify(&api.shown()).await.unwrap();
    assert!(verified.has_role("user") && !verified.has_role("admin"));
}

#[tokio::test]
async fn an_ended_session_an_old_epoch_and_a_withdrawn_key_are_refused_at_once() {
    let api = Api::synced();
    let shown = api.shown();
    let kid = api.verifier.verify(&shown).await.unwrap().kid().to_owned();
    let until = api.clock.now().plus(Duration::from_hours(1));

    api.feed.apply(&Batch { epochs: vec![(UserId::from_bytes([1; 16]), 1, until)], ..Batch::default() });
    assert!(api.verifier.verify(&shown).await.is_ok(), "its own epoch is new enough");
    api.feed.apply(&Batch { epochs: vec![(UserId::from_bytes([1; 16]), 2, until)], ..Batch::default() });
    assert_eq!(api.verifier.verify(&shown).await.unwrap_err(), Refused::ClaimsStale);

    api.feed.apply(&api.ended());
    assert_eq!(api.verifier.verify(&shown).await.unwrap_err(), Refused::SessionEnded);

    let other = Api::synced();
    other.feed.apply(&Batch { keys: vec![(kid, until)], ..Batch::default() });
    let refused = api.verifier.verify(&other.shown()).await.unwrap_err();
    assert_eq!(refused, Refused::Token(Reject::KeyUnknown), "signed by a key of another issuer");
}

#[tokio::test(start_paused = true)]
async fn a_live_connection_is_told_of_the_end_of_its_session() {
    let api = Api::synced();
    let session = api.verifier.verify(&api.shown()).await.unwrap().session();
    let (ended, ()) = tokio::join!(session.ended(), async {
        tokio::task::yield_now().await;
        api.feed.apply(&api.ended());
    });
    assert_eq!(ended, Ended::Refused(Refused::SessionEnded));
}

#[tokio::test(start_paused = true)]
async fn a_live_connection_ends_after_the_expiry_unless_it_was_renewed() {
    let api = Api::synced();
    let session = api.verifier.verify(&api.shown()).await.unwrap().session();
    api.clock.advance(Duration::from_secs(600));
    let newer = api.verifier.verify(&api.shown()).await.unwrap();
    session.renew(newer.clone()).unwrap();
    assert!(session.renew(newer).is_err(), "the same one is not newer");
    let grace = Duration::from_secs(30);
    api.clock.advance(Duration::from_secs(929));
    assert!(tokio::time::timeout(Duration::from_millis(900), session.ended_after(grace)).await.is_err());
    api.clock.advance(Duration::from_secs(1));
    assert_eq!(session.ended_after(grace).await, Ended::Expired);
}

#[tokio::test]
async fn an_api_behind_is_told_who_calls_and_in_which_role() {
    let api = Api::synced();
    let verified = api.verifier.verify(&api.shown()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x_hasura_user_id", "usr_of_somebody_else".parse().unwrap());
    headers.insert("x-hasura-admin-secret", "guessed".parse().unwrap());
    Variables::of(&verified, None).unwrap().set(&mut headers);
    let mut said: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
    said.sort_unstable();
    let session = format!("x-countersign-session={}", SessionId::from_bytes([2; 16]));
    assert_eq!(said, [session.as_str(), "x-hasura-role=user", "x-hasura-user-id=usr"]);

    assert!(Variables::of(&verified, Some("user")).is_ok());
    assert_eq!(Variables::of(&verified, Some("admin")).unwrap_err(), Refused::Role);
}
