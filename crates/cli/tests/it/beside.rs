//! Commands in a process of their own take effect in the server that runs beside them.

use std::time::Duration;

use serde_json::Value;

use crate::running::{SOON, Server, Visitor, listening, printed};

#[tokio::test]
async fn a_session_ended_is_refused_at_its_next_request() {
    let server = Server::start(&[]);
    let mut ann = Visitor::sign_up(&server).await;
    let session = ann.session().to_owned();
    let data = server.data.path();

    let listed: Value =
        serde_json::from_str(&printed(data, &["sessions", "list", "ann@example.com", "--json"])).unwrap();
    assert_eq!(listed[0]["id"], *session);
    assert_eq!(listed[0]["mode"], "header");
    ann.refresh().await;
    assert_eq!(ann.session(), session, "living until now");

    let ended = printed(data, &["sessions", "end", "ann@example.com", &session]);
    assert_eq!(ended, format!("{session}: ended\n"));
    let shown = ann.answer["refresh_token"].clone();
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "SESSION_ENDED", "{} after {shown}", ann.answer);
    assert_eq!(ann.answer["error"]["reason"], "revoked");
    assert_eq!(printed(data, &["sessions", "list", "ann@example.com", "--json"]), "[]\n");
}

#[tokio::test]
async fn a_session_ended_is_told_to_whoever_listens() {
    let server = Server::start(&[]);
    let ann = Visitor::sign_up(&server).await;
    let data = server.data.path();
    let mut stream = listening(&server).await;
    assert_eq!(stream.status(), 200);
    let mut told = String::new();
    let mut until = async |what: &str| {
        while !told.contains(what) {
            let some = tokio::time::timeout(SOON, stream.chunk()).await.expect("news");
            told.push_str(std::str::from_utf8(&some.unwrap().expect("the stream goes on")).unwrap());
        }
        told.clone()
    };
    let before = until("event: heartbeat").await;
    assert!(!before.contains(ann.session()));
    printed(data, &["sessions", "end", "ann@example.com", ann.session()]);
    until(ann.session()).await;
}

#[tokio::test]
async fn a_disabled_user_has_no_session() {
    let server = Server::start(&[]);
    let mut ann = Visitor::sign_up(&server).await;
    let said = printed(server.data.path(), &["users", "disable", "ann@example.com"]);
    assert!(said.ends_with(": disabled; sessions ended: 1\n"), "{said}");
    ann.refresh().await;
    assert_eq!(ann.answer["error"]["code"], "SESSION_ENDED");
}

#[tokio::test]
async fn a_key_rotated_signs_within_seconds() {
    let server = Server::start(&[]);
    let mut ann = Visitor::sign_up(&server).await;
    let (before, jwks) = (ann.signer(), format!("{}/.well-known/jwks.json", server.url));
    let published = async || reqwest::get(&jwks).await.unwrap().text().await.unwrap();
    let old = published().await;

    assert_eq!(printed(server.data.path(), &["keys", "rotate", "--now"]), "rotated\n");
    let noticed = async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while published().await == old {
            look.tick().await;
        }
    };
    tokio::time::timeout(SOON, noticed).await.expect("the server notices");
    ann.refresh().await;
    assert_ne!(ann.signer(), before);
}

#[tokio::test]
async fn rotations_cost_nobody_a_refusal() {
    let server = Server::start(&[]);
    let mut ann = Visitor::sign_up(&server).await;
    let data = server.data.path().to_owned();
    let rotations = std::thread::spawn(move || {
        for _ in 0..3 {
            assert_eq!(printed(&data, &["keys", "rotate", "--now"]), "rotated\n");
        }
    });
    let mut signers = std::collections::BTreeSet::new();
    let used = async {
        while !rotations.is_finished() || signers.len() < 2 {
            ann.refresh().await;
            assert_eq!(ann.me().await, 200, "{}", ann.answer);
            signers.insert(ann.signer());
        }
    };
    tokio::time::timeout(SOON, used).await.expect("another key signs");
    rotations.join().unwrap();
}

#[tokio::test]
async fn a_key_withdrawn_signs_and_verifies_no_more() {
    let server = Server::start(&[]);
    let mut ann = Visitor::sign_up(&server).await;
    let data = server.data.path();
    let listed = || -> Value { serde_json::from_str(&printed(data, &["keys", "list", "--json"])).unwrap() };
    let keys = listed();
    let (active, next) = (keys[0]["kid"].as_str().unwrap(), keys[1]["kid"].as_str().unwrap());
    let jwks = format!("{}/.well-known/jwks.json", server.url);
    let published = async || reqwest::get(&jwks).await.unwrap().text().await.unwrap();
    assert!(published().await.contains(active));
    assert_eq!((ann.signer().as_str(), ann.me().await), (active, 200));

    assert_eq!(printed(data, &["keys", "withdraw", active]), format!("{active}: withdrawn\n"));
    assert_eq!(printed(data, &["keys", "withdraw", active]), format!("{active}: is gone already\n"));
    let keys = listed();
    let states: Vec<_> = keys.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["gone", "active", "announced"], "{keys}");
    let noticed = async {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while published().await.contains(active) {
            look.tick().await;
        }
    };
    tokio::time::timeout(SOON, noticed).await.expect("the server notices");
    assert_eq!(ann.me().await, 401);
    ann.refresh().await;
    assert_eq!((ann.signer().as_str(), ann.me().await), (next, 200));
}

#[tokio::test]
async fn a_service_key_opens_what_its_scope_names_until_it_is_revoked() {
    let server = Server::start(&[]);
    let data = server.data.path();
    let made = printed(data, &["keys", "service", "add", "--scope", "metrics", "--name", "probe", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let metrics = async || {
        let request = reqwest::Client::new().get(format!("{}/metrics", server.url)).bearer_auth(key);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(metrics().await, 200);
    assert_eq!(printed(data, &["keys", "service", "revoke", id]), format!("{id}: revoked\n"));
    assert_eq!(metrics().await, 403);
}
