use countersign_server::config::SameSite;
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, FINGERPRINT, HINT, REFRESH, server, server_with, signed_in, signed_up};

/// The attributes of each line, by the cookie's name.
fn attributes<'a>(lines: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let parts = lines.iter().map(|line| {
        let (pair, attributes) = line.split_once("; ").unwrap();
        (pair.split_once('=').unwrap().0, attributes)
    });
    parts.collect()
}

#[tokio::test]
async fn each_has_its_attributes() {
    let server = server().await;
    let answer = Client::new(&server).signup(json!({})).await;
    assert_eq!(
        attributes(&answer.set_cookies()),
        [
            (REFRESH, "Path=/; Secure; SameSite=Lax; HttpOnly"),
            (HINT, "Path=/; Secure; SameSite=Lax"),
            (FINGERPRINT, "Path=/; Secure; SameSite=Lax; HttpOnly"),
        ]
    );
}

#[tokio::test]
async fn remembered_ones_outlive_the_browser() {
    let (_server, mut ann) = signed_in().await;
    let answer = ann.login(json!({ "remember": true })).await;
    for (name, attributes) in attributes(&answer.set_cookies()) {
        assert!(attributes.ends_with("; Max-Age=7776000"), "{name}: {attributes}");
    }
}

#[tokio::test]
async fn sibling_hosts_share_them_by_domain() {
    let server = server_with(|config| {
        config.cookie_domain = "example.com".into();
        config.same_site = SameSite::Strict;
    })
    .await;
    let mut ann = signed_up(&server, json!({})).await;
    assert_eq!(ann.cookies.keys().collect::<Vec<_>>(), ["__Secure-csfp", "__Secure-cshint", "__Secure-csrt"]);
    let answer = ann.refresh().await;
    let strict = "Path=/; Secure; SameSite=Strict";
    assert_eq!(
        attributes(&answer.set_cookies()),
        [
            ("__Secure-csrt", format!("{strict}; HttpOnly; Domain=example.com").as_str()),
            ("__Secure-cshint", format!("{strict}; Domain=example.com").as_str()),
        ]
    );
    let answer = ann.post("/auth/logout", json!({})).await;
    for (name, attributes) in attributes(&answer.set_cookies()) {
        assert!(attributes.ends_with("; Domain=example.com; Max-Age=0"), "{name}: {attributes}");
    }
}

#[tokio::test]
async fn a_planted_second_one_is_refused() {
    let (_server, ann) = signed_in().await;
    for name in [REFRESH, FINGERPRINT] {
        let mut victim = ann.clone();
        let request = victim.ask(Method::POST, "/auth/refresh").header("cookie", format!("{name}=planted"));
        victim.send(request.json(&json!({}))).await.refused(400, "BAD_REQUEST");
        // In one line, as HTTP/1 has them.
        victim.cookies.insert(HINT.to_owned(), format!("x; {name}=planted"));
        victim.refresh().await.refused(400, "BAD_REQUEST");
    }
    assert_eq!(ann.clone().refresh().await.status, 200);
}
