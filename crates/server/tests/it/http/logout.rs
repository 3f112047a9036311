use std::time::Duration;

use countersign_server::testing::TestServer;
use serde_json::json;

use crate::client::{
    Answer, Client, FINGERPRINT, REFRESH, claims, count, events, signed_in, signed_in_by_header,
};

async fn logout(client: &mut Client) -> Answer {
    client.post("/auth/logout", json!({})).await
}

fn denied(server: &TestServer) -> u64 {
    count(server, "SELECT count(*) FROM denylist WHERE kind = 'session'")
}

#[tokio::test]
async fn by_cookie_it_ends_the_session_and_clears_every_cookie() {
    let (server, mut ann) = signed_in().await;
    ann.bearer = None;
    let mut copy = ann.clone();
    let answer = logout(&mut ann).await;
    assert_eq!(denied(&server), 1, "on the deny-list before the answer");
    assert_eq!((answer.status.as_u16(), answer.body.clone()), (200, json!({ "ok": true })));
    assert_eq!(answer.set_cookies().len(), 3);
    assert!(ann.cookies.is_empty());
    assert_eq!(events(&server).last().unwrap(), "logout");
    copy.refresh().await.ended(Some("logout"));
    // Again, by a tab that did not hear of it.
    assert_eq!(logout(&mut copy).await.status, 200);
    assert!(copy.cookies.is_empty());
    assert_eq!(denied(&server), 1);
}

#[tokio::test]
async fn the_entry_outlives_every_access_token() {
    let (server, mut ann) = signed_in().await;
    let exp = claims(ann.bearer.as_ref().unwrap())["exp"].as_u64().unwrap();
    logout(&mut ann).await;
    let not_after = count(&server, "SELECT not_after FROM denylist");
    assert!(not_after > exp * 1000, "{not_after} {exp}");
    assert_eq!(not_after, 1_800_000_000_000 + (4 * 3600 + 8 + 60) * 1000);
}

#[tokio::test]
async fn by_refresh_token_in_the_body() {
    let (server, mut tab, token) = signed_in_by_header().await;
    tab.bearer = None;
    let before = denied(&server);
    let body = json!({ "refresh_token": token });
    assert_eq!(tab.clone().post("/auth/logout", body.clone()).await.status, 200);
    assert_eq!(denied(&server), before + 1);
    tab.clone().refresh_with(&token).await.ended(Some("logout"));
    assert_eq!(tab.post("/auth/logout", body).await.status, 200);
}

#[tokio::test]
async fn by_access_token_up_to_a_day_after_its_expiry() {
    let (server, ann) = signed_in().await;
    let ann = ann.without(REFRESH);
    server.clock.advance(Duration::from_hours(24) + Duration::from_mins(14));
    assert_eq!(logout(&mut ann.clone()).await.status, 200);
    assert_eq!(denied(&server), 1);
    server.clock.advance(Duration::from_mins(2));
    logout(&mut ann.clone()).await.refused(401, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn an_access_token_without_its_fingerprint_ends_nothing() {
    let (server, ann) = signed_in().await;
    let mut thief = ann.without(REFRESH).without(FINGERPRINT);
    logout(&mut thief).await.refused(401, "FINGERPRINT_MISMATCH");
    let mut thief = ann.without(FINGERPRINT);
    logout(&mut thief).await.refused(401, "FINGERPRINT_MISMATCH");
    assert_eq!(denied(&server), 0);
    assert_eq!(ann.clone().refresh().await.status, 200);
}

#[tokio::test]
async fn a_fingerprint_alone_is_enough_in_header_mode_only() {
    let (server, mut tab, token) = signed_in_by_header().await;
    tab.bearer = None;
    assert_eq!(logout(&mut tab.clone()).await.status, 200);
    tab.refresh_with(&token).await.ended(Some("logout"));

    let mut ann = Client::new(&server);
    ann.login(json!({})).await;
    ann.bearer = None;
    logout(&mut ann.without(REFRESH)).await.refused(401, "NO_SESSION");
    assert_eq!(ann.refresh().await.status, 200);
}

#[tokio::test]
async fn what_an_earlier_session_left_in_the_browser_does_not_hide_the_one_in_header_mode() {
    let (server, mut ann) = signed_in().await;
    // It ends the session in cookie mode, whose refresh cookie stays.
    let opened = ann.login(json!({ "mode": "header" })).await;
    let token = opened.text("/refresh_token");
    assert!(ann.cookies.contains_key(REFRESH));
    (ann.bearer, ann.by_script) = (None, None);
    let before = denied(&server);
    let answer = logout(&mut ann.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (200, 3));
    assert_eq!(denied(&server), before + 1);
    ann.refresh_with(&token).await.ended(Some("logout"));
}

#[tokio::test]
async fn a_stale_access_token_does_not_spoil_a_good_cookie() {
    let (server, mut ann) = signed_in().await;
    ann.bearer = Some("stale".to_owned());
    assert_eq!(logout(&mut ann).await.status, 200);
    assert_eq!(denied(&server), 1);
}

#[tokio::test]
async fn anything_else_ends_nothing() {
    let (server, ann) = signed_in().await;
    let mut nobody = Client::new(&server);
    logout(&mut nobody).await.refused(401, "NO_SESSION");
    nobody.bearer = Some("nonsense".to_owned());
    logout(&mut nobody).await.refused(401, "TOKEN_INVALID");
    nobody.bearer = None;
    nobody
        .post("/auth/logout", json!({ "refresh_token": "cs_rt_x" }))
        .await
        .refused(401, "REFRESH_TOKEN_INVALID");
    nobody.cookies.insert(FINGERPRINT.to_owned(), "x".to_owned());
    logout(&mut nobody).await.refused(401, "NO_SESSION");
    assert_eq!(denied(&server), 0);
    assert_eq!(ann.clone().refresh().await.status, 200);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_log_out() {
    let (server, mut ann) = signed_in().await;
    ann.bearer = None;
    ann.by_script = None;
    logout(&mut ann).await.refused(403, "CSRF_REJECTED");
    assert_eq!(denied(&server), 0);
}

#[tokio::test]
async fn everywhere() {
    let (server, mut ann) = signed_in().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let mut other = Client::new(&server);
        other.login(json!({})).await;
        others.push(other);
    }
    let answer = ann.post("/auth/logout/all?others=true", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (200, 0));
    assert_eq!(denied(&server), 3);
    for other in &mut others {
        other.refresh().await.ended(Some("logout"));
    }
    assert_eq!(ann.refresh().await.status, 200);

    let answer = ann.clone().post("/auth/logout/all", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (200, 3));
    assert_eq!(denied(&server), 4);
    ann.refresh().await.ended(Some("logout"));
    assert_eq!(events(&server).iter().filter(|kind| *kind == "logout_all").count(), 2);
}

#[tokio::test]
async fn everywhere_needs_a_living_access_token() {
    let (server, mut ann) = signed_in().await;
    ann.without(FINGERPRINT).post("/auth/logout/all", json!({})).await.refused(401, "FINGERPRINT_MISMATCH");
    server.clock.advance(Duration::from_mins(15) + Duration::from_secs(5));
    ann.post("/auth/logout/all", json!({})).await.refused(401, "TOKEN_EXPIRED");
    ann.bearer = None;
    ann.post("/auth/logout/all", json!({})).await.refused(401, "NO_SESSION");
    assert_eq!(denied(&server), 0);
}
