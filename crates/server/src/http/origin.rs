//! Requests that change something must come from a page on the list, or from no page at all.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{Method, request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use countersign_core::Code;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::asked::COUNTERSIGN;
use super::error::Refused;
use crate::app::App;
use crate::config::Settings;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a page of another origin could have forged.
pub(super) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if harmless || may_change(request.headers(), app.settings()) {
        return next.run(request).await;
    }
    Refused::code(Code::CsrfRejected).into_response()
}

/// Browsers send `Origin` with every request that is not a plain GET, and `Sec-Fetch-Site` with all. A request
/// with neither is not a browser's, and has no cookies that somebody else could make it use.
fn may_change(headers: &HeaderMap, settings: &Settings) -> bool {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    match headers.get(ORIGIN) {
        Some(origin) => origin.to_str().is_ok_and(|origin| settings.allows_origin(origin)),
        None => matches!(site, None | Some(b"same-origin" | b"none")),
    }
}

/// CORS with credentials, for the origins on the list and never `*`.
pub(super) fn cors(app: &Arc<App>) -> CorsLayer {
    let app = Arc::clone(app);
    let listed = move |origin: &HeaderValue, _: &request::Parts| {
        origin.to_str().is_ok_and(|origin| app.settings().allows_origin(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(listed))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, COUNTERSIGN])
        .expose_headers([RETRY_AFTER, WWW_AUTHENTICATE, REQUEST_ID])
        .max_age(std::time::Duration::from_mins(10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn only_listed_pages_and_programs_may_change_anything() {
        let settings =
            Config { origins: vec!["https://app.example".into()], ..Config::default() }.check(4000).unwrap();
        for (origin, site, good) in [
            (None, None, true),
            (None, Some("same-origin"), true),
            (None, Some("none"), true),
            (None, Some("same-site"), false),
            (None, Some("cross-site"), false),
            (Some("http://localhost:4000"), Some("same-origin"), true),
            (Some("https://app.example"), Some("cross-site"), true),
            (Some("https://app.example.evil"), Some("cross-site"), false),
            (Some("http://localhost:4001"), Some("same-site"), false),
            (Some("null"), None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            if let Some(site) = site {
                headers.insert(SEC_FETCH_SITE, HeaderValue::from_static(site));
            }
            assert_eq!(may_change(&headers, &settings), good, "{origin:?} {site:?}");
        }
    }
}
