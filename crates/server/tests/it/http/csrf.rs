use reqwest::Method;
use serde_json::json;

use crate::client::{Client, HINT, server_with, signed_in, signed_up};

const APP: &str = "https://app.example";

#[tokio::test]
async fn only_listed_pages_and_programs_change_anything() {
    let server = server_with(|config| config.origins = vec![APP.into()]).await;
    let ann = signed_up(&server, json!({})).await;
    for (origin, site, good) in [
        (None, None, true),
        (None, Some("same-origin"), true),
        (None, Some("same-site"), false),
        (None, Some("cross-site"), false),
        (Some(server.url.as_str()), Some("same-origin"), true),
        (Some(APP), Some("cross-site"), true),
        (Some("https://app.example.evil"), None, false),
        (Some("http://app.example"), None, false),
        (Some("null"), None, false),
    ] {
        for path in ["/auth/refresh", "/auth/login", "/auth/logout", "/graphql"] {
            let mut page = ann.clone();
            // Wrong on purpose, so that the session lives on: what counts is whether it came so far.
            page.cookies.clear();
            page.bearer = None;
            let mut request = page.ask(Method::POST, path);
            for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let answer = page.send(request.json(&json!({ "query": "{ __typename }" }))).await;
            assert_eq!(answer.status != 403, good, "{path} {origin:?} {site:?}: {}", answer.text);
            if !good {
                answer.refused(403, "CSRF_REJECTED");
            }
        }
    }
}

#[tokio::test]
async fn a_cookie_wants_the_header_that_no_form_sends() {
    let (_server, ann) = signed_in().await;
    for value in [None, Some("0"), Some("")] {
        let mut form = ann.clone();
        form.by_script = value;
        form.refresh().await.refused(403, "CSRF_REJECTED");
    }
    assert_eq!(ann.clone().refresh().await.status, 200);
}

async fn preflight(client: &mut Client, origin: &str) -> crate::client::Answer {
    let request = client.ask(Method::OPTIONS, "/auth/refresh").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    client.send(request.header("access-control-request-headers", "content-type,x-countersign")).await
}

#[tokio::test]
async fn browsers_are_told_which_pages_may_call() {
    let server = server_with(|config| config.origins = vec![APP.into()]).await;
    let mut ann = signed_up(&server, json!({})).await;
    let answer = preflight(&mut ann, APP).await;
    assert!(answer.status.is_success());
    assert_eq!(answer.header("access-control-allow-origin"), APP);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert!(answer.header("access-control-allow-headers").contains("x-countersign"));
    assert!(answer.header("vary").contains("origin"), "{:?}", answer.headers);
    let answer = preflight(&mut ann, "https://evil.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");

    // A refusal too can be read by the page, and by no other.
    for (origin, allowed) in [(APP, APP), ("https://evil.example", "")] {
        let mut stranger = Client::new(&server);
        let answer = stranger.send(stranger.ask(Method::GET, "/auth/me").header("origin", origin)).await;
        answer.refused(401, "NO_SESSION");
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        let readable = answer.header("access-control-expose-headers");
        assert_eq!(readable, "retry-after,www-authenticate,x-request-id");
    }
    assert!(ann.cookies.contains_key(HINT));
}
