//! Live connections: they are told at once, and leave nothing behind.

use std::time::Duration;

use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::Reject;
use countersign_core::{Clock, SessionId};
use countersign_verifier::{Ended, Refused, Skew, Staleness, Unready};

use crate::api::{Api, shown};

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_for_a_session_is_told_of_its_end() {
    let api = Api::synced();
    let verified = api.verifier.verify(&shown(&api.token())).await.unwrap();
    let (one, other) = (verified.session(), verified.session());
    let (first, second, third, ()) = tokio::join!(one.ended(), one.ended(), other.ended(), async {
        tokio::task::yield_now().await;
        api.feed.apply(&api.ended());
    });
    for ended in [first, second, third] {
        assert_eq!(ended, Ended::Refused(Refused::SessionEnded));
    }
    assert_eq!(api.verifier.status().live, 2);
    drop((one, other));
    assert_eq!(api.verifier.status().live, 0, "who has gone is not waited for");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_ends_what_it_signed_at_once() {
    let api = Api::synced();
    let session = api.verifier.verify(&shown(&api.token())).await.unwrap().session();
    let keys = vec![(api.key.kid().to_owned(), api.clock.now().plus(Duration::from_hours(1)))];
    let told = tokio::time::timeout(Duration::from_millis(100), async {
        let (ended, ()) = tokio::join!(session.ended(), async {
            tokio::task::yield_now().await;
            api.feed.apply(&Batch { keys, ..Batch::default() });
        });
        ended
    });
    assert_eq!(told.await, Ok(Ended::Refused(Refused::Token(Reject::KeyUnknown))));
}

#[tokio::test(start_paused = true)]
async fn a_newer_epoch_ends_it_and_somebody_elses_end_does_not() {
    let api = Api::synced();
    let verified = api.verifier.verify(&shown(&api.token())).await.unwrap();
    let session = verified.session();
    let until = api.clock.now().plus(Duration::from_hours(1));
    api.feed.apply(&Batch { sessions: vec![(SessionId::from_bytes([3; 16]), until)], ..Batch::default() });
    let (ended, ()) = tokio::join!(session.ended(), async {
        tokio::task::yield_now().await;
        api.feed.apply(&Batch { epochs: vec![(verified.sub, 2, until)], ..Batch::default() });
    });
    assert_eq!(ended, Ended::Refused(Refused::ClaimsStale));
}

/// The clock of the test stands still, so the wait must be as long as the policy says and no longer.
#[tokio::test(start_paused = true)]
async fn a_policy_that_refuses_without_news_does_so_at_that_moment() {
    let api = Api::with(|policy| policy.staleness = Staleness::Refuse(Duration::from_millis(300))).told();
    let session = api.verifier.verify(&shown(&api.token())).await.unwrap().session();
    let (ended, ()) = tokio::join!(session.ended(), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        api.clock.advance(Duration::from_millis(301));
    });
    assert_eq!(ended, Ended::Refused(Refused::Unready(Unready::Stale(Duration::from_millis(301)))));
}

#[tokio::test]
async fn a_clock_that_is_off_is_named_and_nothing_is_judged_by_it() {
    let api = Api::synced();
    let token = api.token();
    let there = api.clock.now().plus(Duration::from_mins(1));
    api.feed.heartbeat(Heartbeat { as_of: there, now: there });
    let refused = api.verifier.verify(&shown(&token)).await.unwrap_err();
    assert_eq!(refused, Refused::Unready(Unready::Skewed(Skew::Behind(Duration::from_mins(1)))));
    assert_eq!(refused.message(), "not ready: the clock of this machine is 60s behind the auth server's");
    let status = serde_json::to_value(api.verifier.status()).unwrap();
    assert_eq!(status["unready"], "the clock of this machine is 60s behind the auth server's");
}
