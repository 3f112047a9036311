use std::time::Duration;

use axum::body::Bytes;
use countersign_client::{Client, Config, ConfigError, Error};
use countersign_core::Action;
use http::header::{AUTHORIZATION, COOKIE};
use http_body_util::Full;
use reqwest::Body;

use crate::relay::{Fault, Relay};
use crate::scene::{LIFE, ME, Scene};

fn refused(code: &str, action: &str) -> Fault {
    let body = format!(r#"{{"error": {{"code": "{code}", "action": "{action}", "message": ""}}}}"#);
    Fault::Answer(401, &[("content-type", "application/json")], body)
}

fn challenged(challenge: &'static [(&'static str, &'static str)]) -> Fault {
    Fault::Answer(401, challenge, "no".to_owned())
}

#[tokio::test]
async fn tokens_go_to_listed_origins_only() {
    let scene = Scene::signed_in().await;
    let stranger = Relay::start(&scene.server.url).await;
    let url = format!("{}/notes", stranger.url);
    scene.client.send(scene.client.http().get(&url)).await.unwrap();
    let seen = stranger.seen("/notes");
    assert!(!seen[0].headers.contains_key(AUTHORIZATION) && !seen[0].headers.contains_key(COOKIE));
    // The same host by another name, port or scheme is another origin.
    let port = scene.relay.url.rsplit_once(':').unwrap().1;
    for url in [
        format!("http://localhost:{port}/"),
        "http://127.0.0.1/".into(),
        format!("https://127.0.0.1:{port}/"),
    ] {
        assert!(!scene.client.trusts(&url.parse().unwrap()), "{url}");
    }
    assert!(scene.client.trusts(&format!("ws://127.0.0.1:{port}/graphql").parse().unwrap()));
}

#[tokio::test]
async fn a_listed_api_gets_token_and_fingerprint_and_no_more() {
    let server = Scene::new().await;
    let api = Relay::start(&server.server.url).await;
    let url = api.url.clone();
    let scene = Scene::with(move |config| config.api(url)).await;
    scene.login(countersign_client::Mode::Cookie).await;
    let request = scene.client.http().get(format!("{}/notes", api.url)).header(COOKIE, "theme=dark");
    scene.client.send(request).await.unwrap();
    let seen = &api.seen("/notes")[0].headers;
    assert!(seen[AUTHORIZATION].to_str().unwrap().starts_with("Bearer ey"));
    let cookie = seen[COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("theme=dark; __Host-csfp=") && !cookie.contains("csrt"), "{cookie}");
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let scene = Scene::signed_in().await;
    let stranger = Relay::start(&scene.server.url).await;
    scene.relay.next(ME, [Fault::Answer(307, &[("location", "/elsewhere")], String::new())]);
    let answer =
        scene.client.send(scene.client.http().get(format!("{}{ME}", scene.relay.url))).await.unwrap();
    assert_eq!(answer.status(), 307);
    assert!(scene.relay.seen("/elsewhere").is_empty() && stranger.seen("/elsewhere").is_empty());
}

#[tokio::test]
async fn a_request_with_a_token_of_its_own_goes_as_it_is() {
    let scene = Scene::signed_in().await;
    let request = scene.client.http().get(format!("{}{ME}", scene.relay.url)).bearer_auth("mine");
    assert_eq!(scene.client.send(request).await.unwrap().status(), 401);
    assert_eq!((scene.relay.seen(ME).len(), scene.refreshes()), (1, 0));
    assert_eq!(scene.relay.seen(ME)[0].headers[AUTHORIZATION], "Bearer mine");
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_request_repeated_once() {
    for fault in [
        refused("CLAIMS_STALE", "refresh"),
        refused("TOKEN_EXPIRED", "refresh"),
        refused("SESSION_ENDED", "login"),
        challenged(&[("www-authenticate", r#"Bearer error="invalid_token""#)]),
    ] {
        let scene = Scene::signed_in().await;
        let url = format!("{}/auth/logout/all?others=true", scene.relay.url);
        scene.relay.next("/auth/logout/all", [fault]);
        let request = scene.client.http().post(url).json(&serde_json::json!({ "note": 1 }));
        assert_eq!(scene.client.send(request).await.unwrap().status(), 200);
        let seen = scene.relay.seen("/auth/logout/all");
        assert_eq!((seen.len(), scene.refreshes()), (2, 1));
        assert_eq!(seen[0].body, seen[1].body);
        assert_ne!(seen[0].headers[AUTHORIZATION], seen[1].headers[AUTHORIZATION]);
        assert_eq!(seen[1].headers.get_all(AUTHORIZATION).iter().count(), 1);
        assert_eq!(seen[1].headers[COOKIE].to_str().unwrap().matches("csfp").count(), 1);
    }
}

#[tokio::test]
async fn an_api_that_refuses_every_token_is_asked_twice() {
    let scene = Scene::signed_in().await;
    scene.relay.next(ME, (0..9).map(|_| refused("TOKEN_INVALID", "refresh")));
    let (status, body) = scene.me().await;
    assert_eq!(
        (status, body["error"]["code"].as_str()),
        (401, Some("TOKEN_INVALID")),
        "the answer can be read"
    );
    assert_eq!((scene.relay.seen(ME).len(), scene.refreshes(), scene.signed_out()), (2, 1, None));
}

#[tokio::test]
async fn a_401_of_another_kind_is_the_programs_matter() {
    for fault in [
        challenged(&[]),
        challenged(&[("www-authenticate", "Basic realm=\"notes\"")]),
        challenged(&[("www-authenticate", r#"Bearer error="insufficient_scope""#)]),
        refused("WALLET_EMPTY", "fix"),
    ] {
        let scene = Scene::signed_in().await;
        scene.relay.next(ME, [fault]);
        let answer = scene.client.send(scene.client.http().get(format!("{}{ME}", scene.relay.url))).await;
        assert_eq!(answer.unwrap().status(), 401);
        assert_eq!((scene.relay.seen(ME).len(), scene.refreshes()), (1, 0));
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_sent_twice_is_not_repeated() {
    let scene = Scene::signed_in().await;
    let path = "/auth/logout/all";
    let once = || {
        scene
            .client
            .http()
            .post(format!("{}{path}?others=true", scene.relay.url))
            .header("content-type", "application/json")
            .body(Body::wrap(Full::<Bytes>::from("{}")))
    };
    scene.relay.next(path, [refused("CLAIMS_STALE", "refresh")]);
    assert_eq!(scene.client.send(once()).await.unwrap().status(), 401);
    assert_eq!((scene.relay.seen(path).len(), scene.refreshes()), (1, 0));
    assert_eq!(scene.client.send(once()).await.unwrap().status(), 200, "the next one has a new token");
    assert_eq!((scene.relay.seen(path).len(), scene.refreshes()), (2, 1));
    // A token that could expire under way is not sent with it.
    scene.wait(LIFE.checked_sub(Duration::from_secs(20)).unwrap());
    assert_eq!(scene.client.send(once()).await.unwrap().status(), 200);
    assert_eq!(scene.refreshes(), 2);
}

#[tokio::test]
async fn without_a_session_nothing_is_sent() {
    let scene = Scene::new().await;
    let error =
        scene.client.send(scene.client.http().get(format!("{}{ME}", scene.relay.url))).await.unwrap_err();
    assert!(matches!(error, Error::SignedOut(_)));
    assert_eq!(error.action(), Action::Login);
    assert!(scene.relay.seen(ME).is_empty());
}

#[tokio::test]
async fn secrets_travel_encrypted_or_not_at_all() {
    let client = |url: &str| Client::new(Config::new(url));
    for url in [
        "https://auth.example.com",
        "http://localhost:4000",
        "http://[::1]:4000",
        "https://example.com/auth/",
    ] {
        assert!(client(url).is_ok(), "{url}");
    }
    for url in ["http://auth.example.com", "http://localhost.example.com", "http://10.0.0.1"] {
        assert!(matches!(client(url), Err(ConfigError::Unencrypted(_))), "{url}");
    }
    for url in [
        "",
        "auth.example.com",
        "ftp://example.com",
        "https://ann:secret@example.com",
        "https://example.com?a=b",
    ] {
        let error = client(url).unwrap_err();
        assert!(matches!(error, ConfigError::Url(_)), "{url}");
        assert!(!error.to_string().contains("secret"));
    }
    assert!(Client::new(Config::new("https://a.example").api("http://b.example")).is_err());
    let danger = Config::new("http://10.0.0.1").dangerously_allow_plain_http();
    assert!(Client::new(danger).is_ok());
}
