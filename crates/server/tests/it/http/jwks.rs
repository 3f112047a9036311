use std::time::Duration;

use countersign_core::token::Algorithm;
use countersign_server::app::{Rotation, Withdrawal};
use reqwest::header::CACHE_CONTROL;
use serde_json::json;

use crate::client::{Client, count, part, server, server_with, signed_in, signed_up};

const HOUR: Duration = Duration::from_hours(1);

fn signer(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

async fn kids(client: &mut Client) -> Vec<String> {
    let answer = client.get("/.well-known/jwks.json").await;
    let keys = answer.at("/keys").as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn engines_can_read_and_cache_it() {
    let server = server().await;
    let answer = Client::new(&server).get("/.well-known/jwks.json").await;
    let lines: Vec<_> = answer.headers.get_all(CACHE_CONTROL).iter().collect();
    assert_eq!(lines, ["public, max-age=300"]);
    assert_eq!(answer.header("content-type"), "application/json");
    for key in answer.at("/keys").as_array().unwrap() {
        assert_eq!((&key["alg"], &key["kty"], &key["crv"]), (&json!("ES256"), &json!("EC"), &json!("P-256")));
        assert!(key.get("d").is_none() && key.get("x5c").is_none() && key.get("k").is_none());
    }
}

#[tokio::test]
async fn what_a_symmetric_key_signs_nobody_else_can_verify() {
    let server = server_with(|config| config.signing_alg = Algorithm::Hs256).await;
    let mut ann = signed_up(&server, json!({})).await;
    assert_eq!(ann.get("/.well-known/jwks.json").await.body, json!({ "keys": [] }));
    assert_eq!(ann.get("/auth/me").await.status, 200);
}

#[tokio::test]
async fn a_key_is_announced_before_it_signs_and_stays_until_its_last_token_is_gone() {
    let (server, mut ann) = signed_in().await;
    let first = kids(&mut ann).await;
    assert_eq!(first.len(), 2, "one signs, one is announced");
    assert!(matches!(server.app.rotate_signing_keys(false).await.unwrap(), Rotation::TooEarly(_)));
    server.clock.advance(Duration::from_hours(1));
    ann.login(json!({})).await;
    let old = part(&ann.bearer.clone().unwrap(), 0)["kid"].as_str().unwrap().to_owned();
    assert_eq!(server.app.rotate_signing_keys(false).await.unwrap(), Rotation::Done);

    let published = kids(&mut ann).await;
    assert_eq!(published.len(), 3);
    assert_eq!(ann.get("/auth/me").await.status, 200, "an old token is good for its time");
    let token = ann.refresh().await.text("/jwt_token");
    let new = part(&token, 0)["kid"].as_str().unwrap().to_owned();
    assert!(new != old && first.contains(&new), "the announced key signs now");

    server.clock.advance(Duration::from_hours(1) + Duration::from_mins(10));
    server.app.keep_signing_keys().await.unwrap();
    let published = kids(&mut ann).await;
    assert!(published.len() == 2 && !published.contains(&old), "{published:?}");
}

#[tokio::test]
async fn a_key_signs_for_thirty_days() {
    let (server, mut ann) = signed_in().await;
    let first = kids(&mut ann).await;
    server.clock.advance(Duration::from_millis(30 * 24 * 3_600_000 - 1));
    server.app.keep_signing_keys().await.unwrap();
    assert_eq!(kids(&mut ann).await, first);
    ann.login(json!({})).await;
    let old = ann.bearer.clone().unwrap();

    server.clock.advance(Duration::from_millis(1));
    server.app.keep_signing_keys().await.unwrap();
    assert_eq!(kids(&mut ann).await.len(), 3);
    assert_eq!(ann.get("/auth/me").await.status, 200, "signed by the key of before");
    let new = signer(&ann.refresh().await.text("/jwt_token"));
    assert!(new != signer(&old) && first.contains(&new), "the announced key signs now");
    server.clock.advance(HOUR * 24);
    server.app.keep_signing_keys().await.unwrap();
    assert_eq!(kids(&mut ann).await.len(), 2, "the key of before is gone");
}

#[tokio::test]
async fn rotation_may_be_left_to_the_operator() {
    let server = server_with(|config| config.key_rotation = "off".parse().unwrap()).await;
    let mut ann = Client::new(&server);
    let first = kids(&mut ann).await;
    server.clock.advance(HOUR * 24 * 365);
    server.app.keep_signing_keys().await.unwrap();
    assert_eq!(kids(&mut ann).await, first);
}

#[tokio::test]
async fn through_every_rotation_each_token_is_good_for_its_whole_life() {
    let server = server_with(|config| {
        config.key_rotation = "5h".parse().unwrap();
        config.access_ttl = "1h".parse().unwrap();
        config.idle = "2d".parse().unwrap();
        config.absolute = "40d".parse().unwrap();
    })
    .await;
    let mut ann = signed_up(&server, json!({})).await;
    let mut known = kids(&mut ann).await;
    let mut signers = std::collections::BTreeSet::new();
    for _ in 0..48 {
        let token = ann.refresh().await.text("/jwt_token");
        let signer = signer(&token);
        assert!(known.contains(&signer), "who fetched the keys an hour ago knows it");
        signers.insert(signer.clone());
        ann.bearer = Some(token);
        known = kids(&mut ann).await;
        server.clock.advance(Duration::from_secs(3599));
        server.app.keep_signing_keys().await.unwrap();
        assert!(kids(&mut ann).await.contains(&signer), "published as long as its tokens live");
        assert_eq!(ann.get("/auth/me").await.status, 200, "in the last second of its life");
        server.clock.advance(Duration::from_secs(1));
        server.app.keep_signing_keys().await.unwrap();
    }
    assert_eq!(signers.len(), 10);
}

#[tokio::test]
async fn what_a_withdrawn_key_signed_is_refused_at_once() {
    let (server, mut ann) = signed_in().await;
    let first = kids(&mut ann).await;
    let stolen = signer(ann.bearer.as_ref().unwrap());
    assert_eq!(server.app.withdraw_signing_key(&stolen).await.unwrap(), Withdrawal::Done);

    let answer = ann.get("/.well-known/jwks.json").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let published = kids(&mut ann).await;
    assert!(published.len() == 2 && !published.contains(&stolen), "{published:?}");
    ann.get("/auth/me").await.refused(401, "TOKEN_INVALID");
    let fresh = ann.refresh().await.text("/jwt_token");
    assert!(first.contains(&signer(&fresh)), "the announced key signs, new as it is");
    ann.bearer = Some(fresh);
    assert_eq!(ann.get("/auth/me").await.status, 200, "nobody was logged out");
    assert_eq!(count(&server, "SELECT count(*) FROM denylist WHERE kind = 'key'"), 1);

    assert_eq!(server.app.withdraw_signing_key(&stolen).await.unwrap(), Withdrawal::Gone);
    assert_eq!(server.app.withdraw_signing_key("no such key").await.unwrap(), Withdrawal::Unknown);
    assert_eq!(kids(&mut ann).await, published);
    assert_eq!(count(&server, "SELECT count(*) FROM denylist"), 1);
}

#[tokio::test]
async fn an_announced_or_retiring_key_is_withdrawn_as_well() {
    let (server, mut ann) = signed_in().await;
    let active = signer(ann.bearer.as_ref().unwrap());
    let announced = kids(&mut ann).await.into_iter().find(|kid| *kid != active).unwrap();
    assert_eq!(server.app.withdraw_signing_key(&announced).await.unwrap(), Withdrawal::Done);
    let published = kids(&mut ann).await;
    assert!(published.len() == 2 && published.contains(&active), "another is announced: {published:?}");
    assert_eq!(ann.get("/auth/me").await.status, 200);

    assert_eq!(server.app.rotate_signing_keys(true).await.unwrap(), Rotation::Done);
    assert_eq!(kids(&mut ann).await.len(), 3);
    assert_eq!(server.app.withdraw_signing_key(&active).await.unwrap(), Withdrawal::Done);
    assert_eq!(kids(&mut ann).await.len(), 2);
    ann.get("/auth/me").await.refused(401, "TOKEN_INVALID");
}

#[tokio::test]
async fn a_symmetric_key_is_withdrawn_as_well() {
    let server = server_with(|config| config.signing_alg = Algorithm::Hs256).await;
    let mut ann = signed_up(&server, json!({})).await;
    let kid = signer(ann.bearer.as_ref().unwrap());
    assert_eq!(server.app.withdraw_signing_key(&kid).await.unwrap(), Withdrawal::Done);
    ann.get("/auth/me").await.refused(401, "TOKEN_INVALID");
    ann.bearer = Some(ann.refresh().await.text("/jwt_token"));
    assert_eq!(ann.get("/auth/me").await.status, 200);
}

#[tokio::test]
async fn clients_are_told_where_it_is() {
    let server = server().await;
    let answer = Client::new(&server).get("/.well-known/openid-configuration").await;
    assert_eq!(answer.text("/issuer"), server.url);
    assert_eq!(answer.text("/jwks_uri"), format!("{}/.well-known/jwks.json", server.url));
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
}
