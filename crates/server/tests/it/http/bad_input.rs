use std::convert::Infallible;

use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use reqwest::{Body, Method};
use serde_json::json;

use crate::client::{Client, server, signed_in};

#[tokio::test]
async fn only_json_is_read() {
    let (_server, mut ann) = signed_in().await;
    for path in [
        "/auth/login",
        "/auth/signup",
        "/auth/refresh",
        "/auth/logout",
        "/auth/logout/all",
        "/auth/mint",
        "/graphql",
    ] {
        for media in
            [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")]
        {
            let mut request = ann.ask(Method::POST, path).body("{}");
            if let Some(media) = media {
                request = request.header("content-type", media);
            }
            ann.send(request).await.refused(415, "BAD_REQUEST");
        }
        let request = ann.ask(Method::POST, path).header("content-type", "application/json").body("{\"a\":");
        let answer = ann.send(request).await;
        assert!([400, 401].contains(&answer.status.as_u16()), "{path}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let request =
        ann.ask(Method::POST, "/auth/refresh").header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(ann.send(request).await.status, 200, "and an empty body is {{}}");
}

#[tokio::test]
async fn a_large_body_is_refused_whether_or_not_it_says_its_length() {
    let (_server, mut ann) = signed_in().await;
    let large = format!("\"{}\"", "x".repeat(64 * 1024));
    for path in ["/auth/login", "/graphql"] {
        for chunked in [false, true] {
            let body = if chunked {
                let pieces = large.as_bytes().chunks(1000).map(<[u8]>::to_vec);
                let frames: Vec<_> =
                    pieces.map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece)))).collect();
                Body::wrap(StreamBody::new(futures_util::stream::iter(frames)))
            } else {
                Body::from(large.clone())
            };
            let request = ann.ask(Method::POST, path).header("content-type", "application/json");
            ann.send(request.body(body)).await.refused(413, "BAD_REQUEST");
        }
    }
}

#[tokio::test]
async fn unknown_paths_methods_and_parameters_are_refused_in_the_one_shape() {
    let (_server, mut ann) = signed_in().await;
    for path in ["/nothing", "/auth", "/auth/nothing", "/auth/sessions/", "/assets/nothing", "/assets/%ff"] {
        ann.get(path).await.refused(404, "BAD_REQUEST");
    }
    for path in ["/auth/login", "/auth/refresh", "/auth/logout", "/graphql"] {
        ann.get(path).await.refused(405, "BAD_REQUEST");
    }
    ann.delete("/auth/me").await.refused(405, "BAD_REQUEST");
    ann.get("/auth/events?limit=many").await.refused(400, "BAD_REQUEST");
    ann.get("/auth/events?before=-1").await.refused(400, "BAD_REQUEST");
    ann.post("/auth/logout/all?others=maybe", json!({})).await.refused(400, "BAD_REQUEST");
    for path in ["/auth/sessions/%ff", "/auth/sessions/x"] {
        ann.delete(path).await.refused(404, "BAD_REQUEST");
    }
    assert_eq!(ann.get("/auth/me").await.status, 200);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = server().await;
    let mut nobody = Client::new(&server);
    for path in
        ["/", "/auth/me", "/graphql", "/nothing", "/.well-known/jwks.json", "/health/live", "/openapi.json"]
    {
        let answer = nobody.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        let private = path.starts_with("/auth") || path == "/graphql" || path == "/";
        assert_eq!(answer.header("cache-control") == "no-store", private, "{path}");
    }
}
