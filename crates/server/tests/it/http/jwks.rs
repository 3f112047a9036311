use std::time::Duration;

use countersign_core::token::Algorithm;
use countersign_server::app::Rotation;
use reqwest::header::CACHE_CONTROL;
use serde_json::json;

use crate::client::{Client, part, server, server_with, signed_in, signed_up};

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
    server.app.reload_signing_keys().await.unwrap();
    let published = kids(&mut ann).await;
    assert!(published.len() == 2 && !published.contains(&old), "{published:?}");
}

#[tokio::test]
async fn clients_are_told_where_it_is() {
    let server = server().await;
    let answer = Client::new(&server).get("/.well-known/openid-configuration").await;
    assert_eq!(answer.text("/issuer"), server.url);
    assert_eq!(answer.text("/jwks_uri"), format!("{}/.well-known/jwks.json", server.url));
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
}
