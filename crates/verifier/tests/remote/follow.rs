//! What the stream says arrives, and what is odd about it does no harm.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::denylist::Batch;
use countersign_core::token::{Algorithm, Reject, SigningKey};
use countersign_core::{Clock, UserId};
use countersign_verifier::{BuildError, Ended, Refused, Unready, Verifier};
use tokio::net::TcpListener;

use crate::auth::{Auth, session, shown};

#[tokio::test]
async fn a_logout_arrives_and_so_does_a_newer_epoch() {
    let auth = Auth::start().await;
    let verifier = auth.verifier().build().await.unwrap();
    verifier.ready().await;
    let (one, other) = (auth.token(session(1)), auth.token(session(2)));
    let ending = verifier.verify(&shown(&one)).await.unwrap().session();
    let staying = verifier.verify(&shown(&other)).await.unwrap();
    auth.end(session(1));
    assert_eq!(ending.ended().await, Ended::Refused(Refused::SessionEnded));
    assert!(verifier.verify(&shown(&other)).await.is_ok());
    let until = auth.clock.now().plus(Duration::from_hours(1));
    auth.say(Batch { epochs: vec![(UserId::from_bytes([1; 16]), 2, until)], ..Batch::default() });
    assert_eq!(staying.session().ended().await, Ended::Refused(Refused::ClaimsStale));
}

#[tokio::test]
async fn without_its_server_an_api_starts_and_says_why_it_refuses() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let auth = Auth::start().await;
    let verifier = auth.verifier().reached_at(url).build().await.unwrap();
    let refused = verifier.verify(&shown(&auth.token(session(1)))).await.unwrap_err();
    assert_eq!(refused, Refused::Unready(Unready::NeverSynced));
    assert_eq!(refused.code().status(), 503);
}

#[tokio::test]
async fn a_rotation_that_nobody_announced_costs_one_fetch_and_no_refusal() {
    let auth = Auth::start().await;
    let verifier = auth.verifier().build().await.unwrap();
    verifier.ready().await;
    auth.rotate(false);
    let token = auth.token(session(1));
    let shown = shown(&token);
    let all = futures_util::future::join_all((0..50).map(|_| verifier.verify(&shown))).await;
    assert!(all.iter().all(Result::is_ok));
    assert!(auth.jwks.load(Ordering::Relaxed) <= 2, "one at the start, and one for all who asked");
}

#[tokio::test]
async fn keys_of_nobody_cost_one_fetch_in_a_while() {
    let auth = Auth::start().await;
    let verifier = auth.verifier().build().await.unwrap();
    verifier.ready().await;
    for _ in 0..20 {
        let token = auth.token_of_no_key();
        let refused = verifier.verify(&shown(&token)).await.unwrap_err();
        assert_eq!(refused, Refused::Token(Reject::KeyUnknown));
    }
    assert!(auth.jwks.load(Ordering::Relaxed) <= 2);
    auth.clock.advance(Duration::from_secs(6));
    let before = auth.jwks.load(Ordering::Relaxed);
    assert!(verifier.verify(&shown(&auth.token_of_no_key())).await.is_err());
    assert_eq!(auth.jwks.load(Ordering::Relaxed), before + 1);
}

#[tokio::test]
async fn announced_keys_need_no_fetch() {
    let auth = Auth::start().await;
    let verifier = auth.verifier().build().await.unwrap();
    verifier.ready().await;
    auth.rotate(true);
    while verifier.status().keys < 2 {
        tokio::task::yield_now().await;
    }
    assert!(verifier.verify(&shown(&auth.token(session(1)))).await.is_ok());
    assert!(auth.jwks.load(Ordering::Relaxed) <= 1);
}

#[tokio::test]
async fn what_is_odd_in_the_stream_costs_a_snapshot_and_loses_nothing() {
    for oddity in [
        "event: entries\nid: 1.7\ndata: {\"sessions\": 7}\n\n",
        "event: entries\nid: 1.7\ndata: not json\n\n",
        "event: keys\ndata: {}\n\n",
        "event: heartbeat\ndata: {}\n\n",
    ] {
        let auth = Auth::start().await;
        auth.end(session(1));
        let verifier = auth.verifier().build().await.unwrap();
        verifier.ready().await;
        *auth.oddity.lock().unwrap() = Some(oddity.to_owned());
        auth.end(session(2));
        while auth.streams.load(Ordering::Relaxed) < 2 || verifier.status().entries < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*auth.resumed.lock().unwrap(), [None, None], "{oddity}: the snapshot again");
    }
}

#[tokio::test]
async fn what_only_a_newer_server_says_is_passed_over() {
    let auth = Auth::start().await;
    *auth.oddity.lock().unwrap() =
        Some(": a comment\n\nevent: weather\nid: bad id\ndata: rain\n\nretry: 5\n\n".to_owned());
    let verifier = auth.verifier().build().await.unwrap();
    verifier.ready().await;
    assert_eq!(auth.streams.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_server_that_has_no_place_is_asked_again() {
    let auth = Auth::start().await;
    *auth.refusal.lock().unwrap() = Some((503, "0"));
    let verifier = auth.verifier().build().await.unwrap();
    while auth.streams.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    *auth.refusal.lock().unwrap() = None;
    verifier.ready().await;
}

#[tokio::test]
async fn what_lives_is_told_though_the_verifier_is_gone_and_then_the_stream_ends() {
    let auth = Auth::start().await;
    let verifier = auth.verifier().build().await.unwrap();
    verifier.ready().await;
    let live = verifier.verify(&shown(&auth.token(session(1)))).await.unwrap().session();
    drop(verifier);
    auth.end(session(1));
    assert_eq!(live.ended().await, Ended::Refused(Refused::SessionEnded));
    assert_eq!(auth.listeners(), 1);
    drop(live);
    while auth.listeners() > 0 {
        auth.changed();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_shared_secret_counts_only_where_it_was_given_and_is_not_remembered() {
    let auth = Auth::start().await;
    let key = SigningKey::generate(Algorithm::Hs256).unwrap();
    let token = auth.signed(session(1), &key);
    let knowing =
        auth.verifier().danger_hs256_secret(key.to_bytes().unwrap().to_vec()).build().await.unwrap();
    knowing.ready().await;
    assert!(knowing.verify(&shown(&token)).await.is_ok());
    assert_eq!(knowing.status().signatures, 0);
    assert!(knowing.verify(&shown(&auth.token(session(1)))).await.is_ok(), "published keys count as well");
    auth.end(session(1));
    let other = auth.verifier().build().await.unwrap();
    other.ready().await;
    assert_eq!(other.verify(&shown(&token)).await.unwrap_err(), Refused::Token(Reject::KeyUnknown));
}

#[tokio::test]
async fn without_a_service_key_there_is_no_verifier() {
    assert!(matches!(Verifier::builder("https://auth.example").build().await, Err(BuildError::ServiceKey)));
    let short = Verifier::builder("https://auth.example").service_key("csk_").danger_hs256_secret([0; 31]);
    assert!(matches!(short.build().await, Err(BuildError::Secret)));
}

#[tokio::test]
async fn a_service_key_that_is_not_accepted_is_named_as_the_reason() {
    let auth = Auth::start().await;
    *auth.refusal.lock().unwrap() = Some((403, "0"));
    let verifier = auth.verifier().build().await.unwrap();
    while verifier.status().unready != Some(Unready::ServiceKey) {
        tokio::task::yield_now().await;
    }
    let refused = verifier.verify(&shown(&auth.token(session(1)))).await.unwrap_err();
    assert_eq!(refused.message(), "not ready: the auth server does not accept the service key of this API");
}
