//! What passes, what is refused, and what live connections are told.

use std::time::Duration;

use countersign_core::denylist::Batch;
use countersign_core::token::Reject;
use countersign_core::{Clock, Code, UserId};
use countersign_verifier::{Ended, Refused, Unready};

use crate::api::{Api, shown};

#[tokio::test]
async fn nothing_passes_before_the_first_news_and_a_good_token_does_after() {
    let api = Api::new();
    let refused = api.verifier.verify(&shown(&api.token())).await.unwrap_err();
    assert_eq!(refused, Refused::Unready(Unready::NeverSynced));
    assert_eq!(refused.code(), Code::Unavailable);

    let api = Api::synced();
    let verified = api.verifier.verify(&shown(&api.token())).await.unwrap();
    assert!(verified.has_role("user") && !verified.has_role("admin"));
}

#[tokio::test]
async fn an_ended_session_an_old_epoch_and_a_withdrawn_key_are_refused_at_once() {
    let api = Api::synced();
    let token = api.token();
    let kid = api.verifier.verify(&shown(&token)).await.unwrap().kid().to_owned();
    let until = api.clock.now().plus(Duration::from_hours(1));

    api.feed.apply(&Batch { epochs: vec![(UserId::from_bytes([1; 16]), 1, until)], ..Batch::default() });
    assert!(api.verifier.verify(&shown(&token)).await.is_ok(), "its own epoch is new enough");
    api.feed.apply(&Batch { epochs: vec![(UserId::from_bytes([1; 16]), 2, until)], ..Batch::default() });
    assert_eq!(api.verifier.verify(&shown(&token)).await.unwrap_err(), Refused::ClaimsStale);

    api.feed.apply(&api.ended());
    assert_eq!(api.verifier.verify(&shown(&token)).await.unwrap_err(), Refused::SessionEnded);

    let other = Api::synced();
    other.feed.apply(&Batch { keys: vec![(kid, until)], ..Batch::default() });
    let refused = api.verifier.verify(&shown(&other.token())).await.unwrap_err();
    assert_eq!(refused, Refused::Token(Reject::KeyUnknown), "signed by a key of another issuer");
}

#[tokio::test(start_paused = true)]
async fn a_live_connection_is_told_of_the_end_of_its_session() {
    let api = Api::synced();
    let session = api.verifier.verify(&shown(&api.token())).await.unwrap().session();
    let (ended, ()) = tokio::join!(session.ended(), async {
        tokio::task::yield_now().await;
        api.feed.apply(&api.ended());
    });
    assert_eq!(ended, Ended::Refused(Refused::SessionEnded));
}

#[tokio::test(start_paused = true)]
async fn a_live_connection_ends_after_the_expiry_unless_it_was_renewed() {
    let api = Api::synced();
    let session = api.verifier.verify(&shown(&api.token())).await.unwrap().session();
    api.clock.advance(Duration::from_mins(10));
    let newer = api.verifier.verify(&shown(&api.token())).await.unwrap();
    session.renew(newer.clone()).unwrap();
    assert!(session.renew(newer).is_err(), "the same one is not newer");
    let grace = Duration::from_secs(30);
    api.clock.advance(Duration::from_secs(929));
    assert!(tokio::time::timeout(Duration::from_millis(900), session.ended_after(grace)).await.is_err());
    api.clock.advance(Duration::from_secs(1));
    assert_eq!(session.ended_after(grace).await, Ended::Expired);
}
