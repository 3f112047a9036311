use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::client::{
    Client, FINGERPRINT, HINT, REFRESH, claims, count, events, signed_in, signed_in_by_header, signed_up,
};

/// The grace, the idle and the absolute time of the defaults.
const GRACE: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_hours(1);
const ABSOLUTE: Duration = Duration::from_hours(12);

#[tokio::test]
async fn a_session_goes_on() {
    let (server, mut ann) = signed_in().await;
    let before = claims(&ann.bearer.clone().unwrap());
    for depth in 1..=4 {
        server.clock.advance(GRACE);
        let answer = ann.refresh().await;
        // The first shows the token of the login, which is the confirmed one.
        assert_eq!(answer.depth(), depth);
        assert_eq!(ann.cookies[HINT], format!("{}.{depth}", answer.session_id()));
        assert_eq!(answer.session_id(), before["sid"].as_str().unwrap());
        let after = claims(&answer.text("/jwt_token"));
        assert_ne!(after["jti"], before["jti"]);
        assert_eq!(after["https://hasura.io/jwt/claims"], before["https://hasura.io/jwt/claims"]);
        assert_eq!(answer.set_cookies().len(), 2, "the fingerprint stays");
    }
}

#[tokio::test]
async fn the_articles_path_is_the_same() {
    let (_server, mut ann) = signed_in().await;
    assert_eq!(ann.post("/auth/refresh_token", json!({})).await.depth(), 1);
}

#[tokio::test]
async fn within_the_grace_everybody_gets_the_same_child() {
    let (server, mut ann) = signed_in().await;
    ann.refresh().await;
    server.clock.advance(GRACE * 2);
    let mut late = ann.clone();
    assert_eq!(ann.refresh().await.depth(), 2);
    server.clock.advance(GRACE.checked_sub(Duration::from_millis(1)).unwrap());
    assert_eq!(late.refresh().await.depth(), 2, "the token before is good for the grace");
    assert_eq!(ann.refresh().await.depth(), 2);
    assert_eq!(count(&server, "SELECT depth FROM sessions"), 1);
}

#[tokio::test]
async fn a_lost_answer_is_repeated_at_any_time() {
    let (server, mut ann) = signed_in().await;
    for _ in 0..3 {
        server.clock.advance(Duration::from_mins(20));
        assert_eq!(ann.clone().refresh().await.depth(), 1);
    }
    assert_eq!(ann.refresh().await.depth(), 1);
}

#[tokio::test]
async fn what_an_answer_promises_of_idle_time_is_kept() {
    let (server, mut ann) = signed_in().await;
    server.clock.advance(Duration::from_mins(5));
    let promised = ann.refresh().await.at("/session/idle_expires_in").as_u64().unwrap();
    assert_eq!(promised, 55 * 60, "under a tenth of the idle time the use is not written");
    server.clock.advance(Duration::from_secs(promised - 1));
    let mut late = ann.clone();
    assert_eq!(*ann.refresh().await.at("/session/idle_expires_in"), 3600);
    server.clock.advance(IDLE);
    late.refresh().await.ended(Some("idle"));
}

#[tokio::test]
async fn a_copied_token_ends_the_session() {
    let (server, mut ann) = signed_in().await;
    ann.refresh().await;
    server.clock.advance(GRACE * 2);
    let mut thief = ann.clone();
    for _ in 0..3 {
        ann.refresh().await;
        server.clock.advance(GRACE * 2);
    }
    thief.refresh().await.ended(Some("reuse"));
    ann.refresh().await.ended(Some("reuse"));
    ann.get("/auth/me").await.ended(Some("reuse"));
    assert_eq!(events(&server).last().unwrap(), "reuse");
    assert_eq!(count(&server, "SELECT count(*) FROM denylist WHERE kind = 'session'"), 1);
}

#[tokio::test]
async fn an_unused_session_ends() {
    let (server, mut ann) = signed_in().await;
    server.clock.advance(IDLE.checked_sub(Duration::from_secs(1)).unwrap());
    assert_eq!(ann.refresh().await.status, 200, "used at the last moment");
    server.clock.advance(IDLE);
    ann.refresh().await.ended(Some("idle"));
}

#[tokio::test]
async fn a_used_session_ends_too() {
    let (server, mut ann) = signed_in().await;
    for _ in 0..23 {
        server.clock.advance(ABSOLUTE / 24);
        assert_eq!(ann.refresh().await.status, 200);
    }
    server.clock.advance(ABSOLUTE / 24);
    ann.refresh().await.ended(Some("absolute"));
}

#[tokio::test]
async fn a_remembered_session_lives_longer() {
    let (server, mut ann) = signed_in().await;
    ann.login(json!({ "remember": true })).await;
    server.clock.advance(Duration::from_hours(13 * 24));
    let answer = ann.refresh().await;
    assert_eq!(*answer.at("/session/idle_expires_in"), 14 * 86400);
    assert!(answer.set_cookies()[0].ends_with(&format!("Max-Age={}", 77 * 86400)), "what is left of 90 days");
    server.clock.advance(Duration::from_hours(14 * 24));
    ann.refresh().await.ended(Some("idle"));
}

#[tokio::test]
async fn without_its_fingerprint_a_token_is_refused_and_the_session_lives_on() {
    let (server, mut ann) = signed_in().await;
    let mut other = Client::new(&server);
    other.signup(json!({ "email": "bob@example.com", "username": "bob" })).await;
    let mut crossed = ann.clone();
    crossed.cookies.insert(FINGERPRINT.to_owned(), other.cookies[FINGERPRINT].clone());
    let mut broken = ann.clone();
    broken.cookies.insert(FINGERPRINT.to_owned(), "no fingerprint".to_owned());
    for mut thief in [ann.without(FINGERPRINT), crossed, broken] {
        let events_before = events(&server).len();
        thief.refresh().await.refused(401, "FINGERPRINT_MISMATCH");
        let all = events(&server);
        assert_eq!((all.len(), all.last().unwrap().as_str()), (events_before + 1, "fingerprint_mismatch"));
    }
    assert_eq!(ann.refresh().await.depth(), 1);
}

#[tokio::test]
async fn who_shows_no_fingerprint_learns_no_reason() {
    let (server, ann) = signed_in().await;
    let mut thief = ann.without(FINGERPRINT);
    ann.clone().post("/auth/logout", json!({})).await;
    thief.refresh().await.ended(None);
    server.clock.advance(ABSOLUTE);
    thief.refresh().await.ended(None);
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused() {
    let (server, ann) = signed_in().await;
    let good = &ann.cookies[REFRESH];
    let flipped = format!("{}{}", &good[..good.len() - 2], if good.ends_with("AA") { "BB" } else { "AA" });
    for token in
        ["", "x", "cs_rt_", "cs_rt_AAAA", &flipped, &format!("{good}x"), ann.bearer.as_ref().unwrap()]
    {
        let mut thief = ann.clone();
        thief.cookies.insert(REFRESH.to_owned(), token.to_owned());
        thief.refresh().await.refused(401, "REFRESH_TOKEN_INVALID");
        thief.refresh_with(token).await.refused(401, "REFRESH_TOKEN_INVALID");
    }
    Client::new(&server).refresh().await.refused(401, "NO_SESSION");
    assert_eq!(ann.clone().refresh().await.status, 200);
}

#[tokio::test]
async fn a_token_counts_by_its_own_transport_only() {
    let (server, ann) = signed_in().await;
    ann.clone().refresh_with(&ann.cookies[REFRESH]).await.refused(401, "REFRESH_TOKEN_INVALID");
    let mut tab = Client::new(&server);
    let token = tab.login(json!({ "mode": "header" })).await.text("/refresh_token");
    let mut by_cookie = tab.clone();
    by_cookie.cookies.insert(REFRESH.to_owned(), token.clone());
    by_cookie.refresh().await.refused(401, "REFRESH_TOKEN_INVALID");
    tab.refresh().await.refused(401, "NO_SESSION");
    // In header mode no script header is wanted: the token proves it.
    tab.by_script = None;
    let answer = tab.refresh_with(&token).await;
    assert_eq!(answer.depth(), 1);
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_ne!(answer.text("/refresh_token"), token);
    assert_eq!(ann.clone().refresh().await.status, 200);
}

#[tokio::test]
async fn sixty_four_at_once_all_get_the_same_child() {
    let (server, mut ann) = signed_in().await;
    ann.refresh().await;
    server.clock.advance(GRACE * 2);
    let mut tabs = vec![ann; 64];
    let answers = join_all(tabs.iter_mut().map(Client::refresh)).await;
    assert!(answers.iter().all(|answer| answer.depth() == 2));
    assert_eq!(count(&server, "SELECT depth FROM sessions"), 1, "one confirm");
    server.clock.advance(GRACE * 2);
    assert_eq!(tabs[63].refresh().await.depth(), 3);
}

#[tokio::test]
async fn a_fork_is_a_session_of_its_own() {
    let (server, mut tab, token) = signed_in_by_header().await;
    let mut copy = tab.clone();
    let forked = copy.post("/auth/refresh", json!({ "refresh_token": token, "fork": true })).await;
    assert_eq!(forked.status, 200, "{}", forked.text);
    assert_eq!(*forked.at("/session/depth"), 0);
    assert_eq!(forked.set_cookies(), [""; 0], "the fingerprint is shared");
    server.clock.advance(GRACE * 2);
    let parent = tab.refresh_with(&token).await;
    assert_ne!(parent.session_id(), forked.session_id());
    assert_eq!(parent.text("/session/expires_at"), forked.text("/session/expires_at"));
    let fork = copy.refresh_with(&forked.text("/refresh_token")).await;
    assert_eq!((parent.depth(), fork.depth()), (1, 1));
    assert_eq!(fork.session_id(), forked.session_id());
    // It ends with the one it came from.
    tab.bearer = None;
    tab.post("/auth/logout", json!({ "refresh_token": parent.text("/refresh_token") })).await;
    copy.refresh_with(&fork.text("/refresh_token")).await.ended(Some("logout"));
    assert_eq!(count(&server, "SELECT count(*) FROM denylist"), 3, "and the login before");
}

#[tokio::test]
async fn a_stale_token_forks_nothing_and_ends_nothing() {
    let (server, mut tab, stale) = signed_in_by_header().await;
    let mut token = stale.clone();
    for _ in 0..4 {
        token = tab.refresh_with(&token).await.text("/refresh_token");
        server.clock.advance(GRACE * 2);
    }
    let fork = json!({ "refresh_token": stale, "fork": true });
    tab.post("/auth/refresh", fork).await.refused(401, "REFRESH_TOKEN_STALE");
    assert_eq!(tab.refresh_with(&token).await.status, 200);
}

#[tokio::test]
async fn only_header_mode_forks() {
    let (_server, mut ann) = signed_in().await;
    ann.post("/auth/refresh", json!({ "fork": true })).await.refused(400, "BAD_REQUEST");
    let body = json!({ "refresh_token": ann.cookies[REFRESH], "fork": true });
    ann.post("/auth/refresh", body).await.refused(401, "REFRESH_TOKEN_INVALID");
}

#[tokio::test]
async fn new_roles_come_with_the_next_refresh() {
    let (server, mut ann) = signed_in().await;
    assert_eq!(ann.get("/auth/me").await.status, 200);
    let user = server.app.find_user("ann").await.unwrap().id;
    server.app.set_roles(user, vec!["user".into(), "editor".into()], "editor".into()).await.unwrap();
    ann.get("/auth/me").await.refused(401, "CLAIMS_STALE");
    let answer = ann.refresh().await;
    let token = answer.text("/jwt_token");
    assert_eq!(claims(&token)["https://hasura.io/jwt/claims"]["x-hasura-default-role"], "editor");
    assert_eq!(claims(&token)["cep"], 1);
    ann.bearer = Some(token);
    assert_eq!(*ann.get("/auth/me").await.at("/roles"), json!(["user", "editor"]));
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let (server, mut ann) = signed_in().await;
    let user = server.app.find_user("ann").await.unwrap().id;
    server.app.set_password(user, "battery staple".to_owned().into()).await.unwrap();
    ann.refresh().await.ended(Some("revoked"));
    ann.login(json!({})).await.refused(401, "CREDENTIALS_INVALID");
    assert_eq!(ann.login(json!({ "password": "battery staple" })).await.status, 200);
}

#[tokio::test]
async fn a_restarted_browser_has_what_the_cookies_say() {
    let (server, _) = signed_in().await;
    let mut bob = signed_up_as_bob(&server).await;
    bob.bearer = None;
    assert_eq!(bob.refresh().await.text("/user/username"), "bob");
}

async fn signed_up_as_bob(server: &countersign_server::testing::TestServer) -> Client {
    signed_up(server, json!({ "email": "bob@example.com", "username": "bob" })).await
}
