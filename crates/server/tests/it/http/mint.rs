use std::time::Duration;

use countersign_server::app::Scope;
use countersign_server::testing::TestServer;
use serde_json::json;

use crate::client::{
    Answer, Client, FINGERPRINT, REFRESH, claims, count, events, signed_in, signed_in_by_header,
};

/// What a server that renders a page does: its own key, the cookies of the page request.
async fn mint(browser: &Client, key: Option<&str>) -> Answer {
    let mut page = browser.clone();
    page.bearer = key.map(str::to_owned);
    page.by_script = None;
    page.post("/auth/mint", json!({})).await
}

async fn key(server: &TestServer, scope: Scope) -> String {
    server.app.add_service_key("test".into(), &[scope]).await.unwrap().1.to_string()
}

#[tokio::test]
async fn it_answers_a_short_token_and_changes_nothing() {
    let (server, mut ann) = signed_in().await;
    let key = key(&server, Scope::Ssr).await;
    server.clock.advance(Duration::from_mins(1));
    ann.refresh().await;
    server.clock.advance(Duration::from_mins(1));
    for _ in 0..3 {
        let answer = mint(&ann, Some(&key)).await;
        assert_eq!((answer.status.as_u16(), answer.set_cookies().len()), (200, 0), "{}", answer.text);
        let token = claims(&answer.text("/jwt_token"));
        assert_eq!(token["exp"].as_u64().unwrap() - token["iat"].as_u64().unwrap(), 60);
        assert_eq!(token["sid"], answer.text("/session_id"));
        assert_eq!(*answer.at("/expires_in"), 60);
        assert_eq!(answer.body.get("refresh_token"), None);
        assert_eq!(count(&server, "SELECT depth FROM sessions"), 0, "a mint confirms nothing");
    }
    assert_eq!(ann.refresh().await.depth(), 2);
}

#[tokio::test]
async fn it_needs_a_service_key_for_it() {
    let (server, ann) = signed_in().await;
    mint(&ann, None).await.refused(403, "FORBIDDEN");
    mint(&ann, Some("csk_unknown")).await.refused(403, "FORBIDDEN");
    mint(&ann, ann.bearer.as_deref()).await.refused(403, "FORBIDDEN");
    let other = key(&server, Scope::Metrics).await;
    mint(&ann, Some(&other)).await.refused(403, "FORBIDDEN");
    let (revoked, text) = server.app.add_service_key("old".into(), &[Scope::Ssr]).await.unwrap();
    assert_eq!(mint(&ann, Some(&text)).await.status, 200);
    server.app.revoke_service_key(revoked.id).await.unwrap();
    mint(&ann, Some(&text)).await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn it_needs_both_cookies() {
    let (server, ann) = signed_in().await;
    let key = key(&server, Scope::Ssr).await;
    mint(&ann.without(REFRESH), Some(&key)).await.refused(401, "NO_SESSION");
    mint(&ann.without(FINGERPRINT), Some(&key)).await.refused(401, "FINGERPRINT_MISMATCH");
    ann.clone().post("/auth/logout", json!({})).await;
    mint(&ann, Some(&key)).await.ended(Some("logout"));
}

#[tokio::test]
async fn an_old_token_is_stale_and_ends_nothing() {
    let (server, mut ann) = signed_in().await;
    let key = key(&server, Scope::Ssr).await;
    ann.refresh().await;
    let slow = ann.clone();
    for _ in 0..4 {
        server.clock.advance(Duration::from_mins(1));
        ann.refresh().await;
    }
    let answer = mint(&slow, Some(&key)).await;
    answer.refused(401, "REFRESH_TOKEN_STALE");
    assert_eq!(answer.text("/error/action"), "refresh");
    assert_eq!(events(&server).last().unwrap(), "mint_stale");
    assert_eq!(ann.refresh().await.status, 200);
}

#[tokio::test]
async fn header_mode_has_no_cookie_to_mint_by() {
    let (server, mut tab, token) = signed_in_by_header().await;
    let key = key(&server, Scope::Ssr).await;
    tab.cookies.insert(REFRESH.to_owned(), token);
    mint(&tab, Some(&key)).await.refused(401, "REFRESH_TOKEN_INVALID");
}
