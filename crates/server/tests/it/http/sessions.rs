use std::time::Duration;

use serde_json::json;

use crate::client::{Client, EMAIL, signed_in};

#[tokio::test]
async fn a_user_sees_every_device_and_ends_one() {
    let (server, mut ann) = signed_in().await;
    server.clock.advance(Duration::from_secs(1));
    let mut phone = Client::new(&server);
    let other = phone.login(json!({ "remember": true })).await.session_id();
    let answer = ann.get("/auth/sessions").await;
    let devices = answer.at("/sessions").as_array().unwrap();
    assert_eq!(devices.len(), 2);
    assert_eq!((&devices[0]["current"], &devices[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!((&devices[1]["id"], &devices[1]["remember"]), (&json!(other), &json!(true)));

    assert_eq!(ann.delete(&format!("/auth/sessions/{other}")).await.status, 204);
    phone.refresh().await.ended(Some("revoked"));
    assert_eq!(ann.get("/auth/sessions").await.at("/sessions").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn nobody_ends_the_session_of_another() {
    let (server, ann) = signed_in().await;
    let mut bob = Client::new(&server);
    bob.signup(json!({ "email": "bob@example.com", "username": "bob" })).await;
    let of_ann = ann.clone().get("/auth/sessions").await.text("/sessions/0/id");
    for id in [of_ann.as_str(), "ses_00000000000000000000000000000000", "nonsense"] {
        bob.delete(&format!("/auth/sessions/{id}")).await.refused(404, "BAD_REQUEST");
    }
    assert_eq!(ann.clone().refresh().await.status, 200);
}

#[tokio::test]
async fn the_account_needs_token_and_fingerprint() {
    let (server, mut ann) = signed_in().await;
    assert_eq!(ann.get("/auth/me").await.text("/email"), EMAIL);
    let mut nobody = Client::new(&server);
    for path in ["/auth/me", "/auth/sessions", "/auth/events"] {
        nobody.bearer = None;
        nobody.get(path).await.refused(401, "NO_SESSION");
        nobody.bearer.clone_from(&ann.bearer);
        nobody.get(path).await.refused(401, "FINGERPRINT_MISMATCH");
    }
    let answer = ann.get("/auth/events?limit=1").await;
    assert_eq!(answer.at("/events").as_array().unwrap().len(), 1);
    assert_eq!(answer.text("/events/0/kind"), "login");
}
