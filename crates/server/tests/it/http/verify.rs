use std::time::Duration;

use countersign_server::testing::TestServer;
use reqwest::Method;
use serde_json::json;

use crate::client::{Answer, Client, EMAIL, FINGERPRINT, claims, file, server_with, signed_in, signed_up};
use crate::listener::Listener;

/// What a proxy is told of a request that shows this.
async fn verify(client: &Client, more: &[(&str, &str)]) -> Answer {
    let mut request = client.ask(Method::GET, "/auth/verify");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    client.clone().send(request).await
}

/// Ann with two roles, and a claim of the installation's own.
async fn editor() -> (TestServer, Client) {
    let server = server_with(|config| {
        config.roles = vec!["user".into(), "editor".into()];
        config.claims.insert("x-hasura-org-id".into(), "caf\u{e9} 7".into());
    })
    .await;
    let ann = signed_up(&server, json!({})).await;
    (server, ann)
}

#[tokio::test]
async fn a_proxy_is_told_who_calls_and_nothing_that_the_caller_says() {
    let (_server, ann) = editor().await;
    let lies = [("x-hasura-user-id", "usr_of_another"), ("x-hasura-admin-secret", "guess")];
    let answer = verify(&ann, &lies).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    let claims = claims(ann.bearer.as_ref().unwrap());
    assert_eq!(answer.header("x-hasura-user-id"), claims["sub"].as_str().unwrap());
    assert_eq!(answer.header("x-countersign-session"), claims["sid"].as_str().unwrap());
    assert_eq!(answer.header("x-hasura-role"), "user");
    assert_eq!(answer.headers["x-hasura-org-id"].as_bytes(), "caf\u{e9} 7".as_bytes());
    assert_eq!(answer.header("cache-control"), "no-store");
    let ours = answer.headers.keys().filter(|name| name.as_str().starts_with("x-hasura")).count();
    assert_eq!(ours, 3, "{:?}", answer.headers);
    let mut ann = ann;
    let head = ann.ask(Method::HEAD, "/auth/verify");
    assert_eq!(ann.send(head).await.header("x-hasura-role"), "user");
}

#[tokio::test]
async fn a_role_is_one_of_the_tokens() {
    let (_server, ann) = editor().await;
    let answer = verify(&ann, &[("x-hasura-role", "editor")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-hasura-role")), (200, "editor"));
    verify(&ann, &[("x-hasura-role", "admin")]).await.refused(403, "FORBIDDEN");
    verify(&ann, &[("x-hasura-role", "")]).await.refused(403, "FORBIDDEN");
    let twice = [("x-hasura-role", "editor"), ("X-Hasura-Role", "user")];
    verify(&ann, &twice).await.refused(400, "BAD_REQUEST");
}

#[tokio::test]
async fn whatever_is_missing_is_said_to_the_proxy_too() {
    let (server, ann) = signed_in().await;
    let mut nobody = Client::new(&server);
    let answer = verify(&nobody, &[]).await;
    answer.refused(401, "NO_SESSION");
    assert_eq!(answer.header("x-countersign-refusal"), answer.text);
    nobody.bearer = Some("nonsense".into());
    verify(&nobody, &[]).await.refused(401, "TOKEN_INVALID");
    verify(&ann.without(FINGERPRINT), &[]).await.refused(401, "FINGERPRINT_MISMATCH");
    server.clock.advance(Duration::from_mins(16));
    verify(&ann, &[]).await.refused(401, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_logout_and_new_roles_take_effect() {
    let (server, mut ann) = signed_in().await;
    let (mut listener, _) = Listener::of(&server).await;
    let before = ann.clone();
    assert_eq!(verify(&before, &[]).await.status, 200);
    ann.post("/auth/logout", json!({})).await;
    listener.entries().await;
    verify(&before, &[]).await.refused(401, "SESSION_ENDED");

    ann.login(json!({})).await;
    let user = server.app.find_user(EMAIL).await.unwrap().id;
    server.app.set_roles(user, vec!["user".into()], "user".into()).await.unwrap();
    listener.entries().await;
    verify(&ann, &[]).await.refused(401, "CLAIMS_STALE");
}

#[tokio::test]
async fn no_database_is_asked() {
    let (server, ann) = signed_in().await;
    let outside = rusqlite::Connection::open(file(&server)).unwrap();
    outside.execute_batch("ALTER TABLE sessions RENAME TO s; ALTER TABLE users RENAME TO u").unwrap();
    ann.clone().get("/auth/me").await.refused(503, "UNAVAILABLE");
    assert_eq!(verify(&ann, &[]).await.status, 200);
}
