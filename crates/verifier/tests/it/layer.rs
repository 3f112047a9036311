//! An axum API behind the layer: who comes through, and what the others are told.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::FromRef;
use axum::routing::get;
use countersign_verifier::{Allowed, Role, RoleLayer, Verified, Verifier, VerifierLayer};
use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use crate::api::{Api, COOKIE};

struct User;

impl Role for User {
    const NAME: &'static str = "user";
}

struct Admin;

impl Role for Admin {
    const NAME: &'static str = "admin";
}

#[derive(Clone)]
struct Rest {
    verifier: Verifier,
}

impl FromRef<Rest> for Verifier {
    fn from_ref(rest: &Rest) -> Self {
        rest.verifier.clone()
    }
}

fn routes() -> Router<Rest> {
    Router::new()
        .route("/me", get(|who: Verified| async move { who.sub.to_string() }))
        .route("/greeting", get(|who: Option<Verified>| async move { who.map_or("stranger", |_| "friend") }))
        .route("/user", get(|who: Allowed<User>| async move { who.sid.to_string() }))
        .route("/admin", get(|_: Allowed<Admin>| async { "admin" }))
}

/// Extractors alone.
fn open(api: &Api) -> Router {
    routes().with_state(Rest { verifier: api.verifier.clone() })
}

/// Behind the layer, with a route that only some roles reach.
fn closed(api: &Api) -> Router {
    routes()
        .route("/users", get(|| async { "users" }).layer(RoleLayer::new("user")))
        .route("/admins", get(|| async { "admins" }).layer(RoleLayer::new("admin")))
        .layer(VerifierLayer::new(api.verifier.clone()))
        .with_state(Rest { verifier: api.verifier.clone() })
}

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 65_536).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_good_request_comes_through_with_and_without_the_layer() {
    let api = Api::synced();
    let (bearer, cookie) = (format!("bearer {}", api.token()), format!("a=b; __Host-csfp={COOKIE}"));
    let known = [("Authorization", bearer.as_str()), ("Cookie", cookie.as_str())];
    for router in [open(&api), closed(&api)] {
        let (status, _, body) = ask(&router, "GET", "/me", &known).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "usr_01010101010101010101010101010101"));
        assert_eq!(ask(&router, "GET", "/greeting", &known).await.2, "friend");
        assert_eq!(ask(&router, "GET", "/user", &known).await.0, StatusCode::OK);
        let (status, _, body) = ask(&router, "GET", "/admin", &known).await;
        assert_eq!((status, code(&body).as_str()), (StatusCode::FORBIDDEN, "FORBIDDEN"));
    }
    assert_eq!(ask(&closed(&api), "GET", "/users", &known).await.0, StatusCode::OK);
    assert_eq!(ask(&closed(&api), "GET", "/admins", &known).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_stranger_is_told_so_in_the_form_of_the_contract() {
    let api = Api::synced();
    assert_eq!(ask(&open(&api), "GET", "/greeting", &[]).await.2, "stranger");
    for router in [open(&api), closed(&api)] {
        let (status, headers, body) = ask(&router, "GET", "/me", &[]).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(headers[WWW_AUTHENTICATE], "Bearer");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        let error = &serde_json::from_str::<Value>(&body).unwrap()["error"];
        assert_eq!((&error["code"], &error["action"]), (&"NO_SESSION".into(), &"login".into()));
    }
    let refused = [("Authorization", "Bearer nonsense")];
    for path in ["/me", "/greeting"] {
        let (status, headers, body) = ask(&open(&api), "GET", path, &refused).await;
        assert_eq!((status, code(&body).as_str()), (StatusCode::UNAUTHORIZED, "TOKEN_INVALID"));
        assert_eq!(headers[WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
    }
}

#[tokio::test]
async fn what_is_missing_is_said_and_what_would_have_matched_is_not() {
    let api = Api::synced();
    let bearer = format!("Bearer {}", api.token());
    let (status, _, body) = ask(&closed(&api), "GET", "/me", &[("Authorization", &bearer)]).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::UNAUTHORIZED, "FINGERPRINT_MISMATCH"));
    assert!(body.contains("the fingerprint cookie __Host-csfp is missing"));
    let strange = "__Host-csfp=BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA";
    let strange = [("Authorization", bearer.as_str()), ("Cookie", strange)];
    let (_, _, body) = ask(&closed(&api), "GET", "/me", &strange).await;
    assert_eq!(code(&body), "FINGERPRINT_MISMATCH");
    let hash = api.claims().hasura.fingerprint.unwrap().to_string();
    assert!(!body.contains(&hash) && !body.contains(COOKIE));
}

#[tokio::test]
async fn before_the_first_news_an_api_asks_for_patience() {
    let api = Api::new();
    let bearer = format!("Bearer {}", api.token());
    let (status, headers, body) = ask(&closed(&api), "GET", "/me", &[("Authorization", &bearer)]).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    assert_eq!(headers[RETRY_AFTER], "1");
    assert!(body.contains("the auth server has not been reached yet"));
}

#[tokio::test]
async fn a_preflight_passes_and_no_other_request_without_a_token_does() {
    let router = closed(&Api::synced());
    let preflight = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "GET")];
    for path in ["/me", "/admins"] {
        // The router itself answers it, as there is no CORS here.
        assert_eq!(ask(&router, "OPTIONS", path, &preflight).await.0, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(ask(&router, "OPTIONS", path, &[]).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(ask(&router, "GET", path, &preflight).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn what_another_verifier_let_through_is_not_enough() {
    let (api, other) = (Api::synced(), Api::synced());
    let router = open(&other).layer(VerifierLayer::new(api.verifier.clone()));
    let (bearer, cookie) = (format!("Bearer {}", api.token()), format!("__Host-csfp={COOKIE}"));
    let known = [("Authorization", bearer.as_str()), ("Cookie", cookie.as_str())];
    assert_eq!(code(&ask(&router, "GET", "/me", &known).await.2), "TOKEN_INVALID");
}

fn code(body: &str) -> String {
    serde_json::from_str::<Value>(body).unwrap()["error"]["code"].as_str().unwrap().to_owned()
}
