use std::time::Duration;

use countersign_server::app::{NewUser, Password};
use countersign_server::config::Limit;
use countersign_server::testing::TestServer;
use serde_json::json;

use crate::client::{
    Answer, Client, EMAIL, FINGERPRINT, HINT, NAME, PASSWORD, REFRESH, claims, database, events, server,
    server_with, signed_in, signed_up,
};

async fn login_as(server: &TestServer, field: &str, name: &str) -> Answer {
    Client::new(server).post("/auth/login", json!({ field: name, "password": PASSWORD })).await
}

async fn guess(client: &mut Client) -> Answer {
    client.login(json!({ "password": "wrong horse" })).await
}

#[tokio::test]
async fn every_way_to_write_ones_name_logs_in() {
    let (server, _ann) = signed_in().await;
    for (field, name) in [
        ("username", "ann"),
        ("username", "ANN"),
        ("username", "\u{ff21}nn"),
        ("username", EMAIL),
        ("email", EMAIL),
        ("email", "Ann@EXAMPLE.com"),
        ("email", "ann"),
    ] {
        let answer = login_as(&server, field, name).await;
        assert_eq!(answer.status, 200, "{field} {name}: {}", answer.text);
        assert_eq!(answer.text("/user/username"), "ann");
    }
}

#[tokio::test]
async fn one_name_is_wanted() {
    let (server, _ann) = signed_in().await;
    for body in [
        json!({ "password": PASSWORD }),
        json!({ "username": NAME, "email": EMAIL, "password": PASSWORD }),
        json!({ "username": NAME }),
    ] {
        Client::new(&server).post("/auth/login", body).await.refused(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn nobody_learns_which_half_was_wrong() {
    let (server, _ann) = signed_in().await;
    let wrong_password = guess(&mut Client::new(&server)).await;
    wrong_password.refused(401, "CREDENTIALS_INVALID");
    for name in ["nobody", "nobody@example.com", "no body", "", "a@b@c"] {
        let unknown = login_as(&server, "username", name).await;
        unknown.refused(401, "CREDENTIALS_INVALID");
        assert_eq!(unknown.text, wrong_password.text, "{name:?}");
        assert_eq!(unknown.header("www-authenticate"), wrong_password.header("www-authenticate"));
    }
    assert_eq!(events(&server).last().unwrap(), "login_failed");
}

#[tokio::test]
async fn a_disabled_user_is_like_none() {
    let (server, mut ann) = signed_in().await;
    let user = server.app.find_user(NAME).await.unwrap().id;
    server.app.set_disabled(user, true).await.unwrap();
    let refused = Client::new(&server).login(json!({})).await;
    refused.refused(401, "CREDENTIALS_INVALID");
    assert_eq!(refused.text, login_as(&server, "username", "nobody").await.text);
    ann.refresh().await.ended(Some("revoked"));
    ann.get("/auth/me").await.ended(Some("revoked"));
    server.app.set_disabled(user, false).await.unwrap();
    assert_eq!(Client::new(&server).login(json!({})).await.status, 200);
    ann.refresh().await.ended(Some("revoked"));
}

#[tokio::test]
async fn each_login_is_a_new_session_with_a_new_fingerprint() {
    let (_server, mut ann) = signed_in().await;
    let mut old = ann.clone();
    let answer = ann.login(json!({})).await;
    assert_ne!(ann.cookies[FINGERPRINT], old.cookies[FINGERPRINT]);
    assert_ne!(answer.session_id(), claims(&old.bearer.clone().unwrap())["sid"]);
    old.refresh().await.ended(Some("logout"));
    old.get("/auth/me").await.ended(Some("logout"));
    assert_eq!(ann.get("/auth/me").await.status, 200);
    assert_eq!(ann.refresh().await.depth(), 1);
}

#[tokio::test]
async fn a_failed_login_ends_nothing() {
    let (_server, mut ann) = signed_in().await;
    guess(&mut ann).await.refused(401, "CREDENTIALS_INVALID");
    assert_eq!(ann.refresh().await.status, 200);
}

#[tokio::test]
async fn planted_cookies_are_not_kept() {
    let (server, _ann) = signed_in().await;
    let mut ann = Client::new(&server);
    for name in [REFRESH, FINGERPRINT, HINT] {
        ann.cookies.insert(name.to_owned(), "planted".to_owned());
    }
    assert_eq!(ann.login(json!({})).await.status, 200);
    assert!(!ann.cookies.values().any(|value| value == "planted"));
}

#[tokio::test]
async fn header_mode_answers_the_refresh_token_and_sets_one_cookie() {
    let (server, _ann) = signed_in().await;
    let mut tab = Client::new(&server);
    let answer = tab.login(json!({ "mode": "header" })).await;
    assert!(answer.text("/refresh_token").starts_with("cs_rt_"));
    assert_eq!(tab.cookies.keys().collect::<Vec<_>>(), [FINGERPRINT]);
}

#[tokio::test]
async fn header_mode_can_be_switched_off() {
    let server = server_with(|config| config.header_mode = false).await;
    let mut ann = signed_up(&server, json!({})).await;
    ann.login(json!({ "mode": "header" })).await.refused(400, "BAD_REQUEST");
    assert_eq!(ann.login(json!({ "mode": "cookie" })).await.status, 200);
}

fn limit(text: &str) -> Limit {
    text.parse().unwrap()
}

#[tokio::test]
async fn guesses_at_one_account_are_slowed_down() {
    let server = server_with(|config| config.login_account_limit = limit("3/1m")).await;
    let mut ann = signed_up(&server, json!({})).await;
    let mut thief = Client::new(&server);
    for _ in 0..3 {
        guess(&mut thief).await.refused(401, "CREDENTIALS_INVALID");
    }
    let refused = thief.login(json!({ "username": "ANN" })).await;
    refused.refused(429, "RATE_LIMITED");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=21).contains(&wait), "{wait}");
    // Another name of the same length of suffering is another account; and Ann's own browser has its own allowance.
    assert_eq!(login_as(&server, "username", "nobody").await.status, 401);
    assert_eq!(ann.login(json!({})).await.status, 200);
    // They slow down, and never lock.
    server.clock.advance(Duration::from_secs(wait));
    assert_eq!(thief.login(json!({})).await.status, 200);
    guess(&mut Client::new(&server)).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn both_names_of_an_account_share_one_allowance() {
    let server = server_with(|config| config.login_account_limit = limit("2/1m")).await;
    signed_up(&server, json!({})).await;
    for (field, name) in [("username", NAME), ("email", EMAIL)] {
        assert_eq!(login_as(&server, field, name).await.status, 200);
    }
    login_as(&server, "username", NAME).await.refused(429, "RATE_LIMITED");
    login_as(&server, "email", EMAIL).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a_known_browser_has_an_allowance_too() {
    let server = server_with(|config| config.login_account_limit = limit("2/1m")).await;
    let mut ann = signed_up(&server, json!({})).await;
    for _ in 0..2 {
        guess(&mut ann).await.refused(401, "CREDENTIALS_INVALID");
    }
    guess(&mut ann).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn one_address_cannot_try_every_account() {
    let server = server_with(|config| config.login_address_limit = limit("3/1m")).await;
    signed_up(&server, json!({})).await;
    for name in ["one", "two", "three"] {
        login_as(&server, "username", name).await.refused(401, "CREDENTIALS_INVALID");
    }
    login_as(&server, "username", NAME).await.refused(429, "RATE_LIMITED");
    server.clock.advance(Duration::from_mins(1));
    assert_eq!(login_as(&server, "username", NAME).await.status, 200);
}

#[tokio::test]
async fn one_address_cannot_open_accounts_without_end() {
    let server = server_with(|config| config.signup_address_limit = limit("2/1h")).await;
    signed_up(&server, json!({})).await;
    Client::new(&server).signup(json!({})).await.refused(409, "ACCOUNT_EXISTS");
    Client::new(&server).signup(json!({})).await.refused(429, "RATE_LIMITED");
    server.clock.advance(Duration::from_mins(30));
    Client::new(&server).signup(json!({})).await.refused(409, "ACCOUNT_EXISTS");
}

/// Adds Ann as an administrator does.
async fn add(server: &TestServer, password: Option<Password>) {
    let new = NewUser {
        email: EMAIL.into(),
        username: Some(NAME.into()),
        password,
        roles: vec!["user".into()],
        default_role: "user".into(),
    };
    server.app.create_user(new).await.unwrap();
}

#[tokio::test]
async fn a_hash_of_another_system_is_good_until_it_is_replaced_by_ours() {
    let server = server().await;
    let theirs = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";
    add(&server, Some(Password::Hash(theirs.into()))).await;
    let stored = || -> String {
        database(&server).query_row("SELECT password FROM users", [], |row| row.get(0)).unwrap()
    };
    let mut ann = Client::new(&server);
    ann.login(json!({ "password": "wrong horse" })).await.refused(401, "CREDENTIALS_INVALID");
    assert_eq!(stored(), theirs);
    for _ in 0..2 {
        assert_eq!(ann.login(json!({})).await.status, 200);
        assert!(stored().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored());
    }
    ann.login(json!({ "password": "wrong horse" })).await.refused(401, "CREDENTIALS_INVALID");
}

#[tokio::test]
async fn an_account_without_a_password_is_like_a_wrong_one() {
    let server = server().await;
    add(&server, None).await;
    Client::new(&server).login(json!({})).await.refused(401, "CREDENTIALS_INVALID");
}
