//! The public keys, and where to find everything.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::app::App;

/// One line, lower case, never `no-store`: Hasura would fetch each second, or once and never again.
const CACHE: &str = "public, max-age=300";

/// The public keys that access tokens are verified with (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "keys",
    responses((status = 200, description = "A JWK Set", content_type = "application/json")))]
pub(super) async fn jwks(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, CACHE)], app.jwks())
}

/// Where to find what (OpenID Connect Discovery 1.0, the members that apply).
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "keys",
    responses((status = 200, description = "The issuer and its JWKS URL", content_type = "application/json")))]
pub(super) async fn configuration(State(app): State<Arc<App>>) -> impl IntoResponse {
    let issuer = app.settings().issuer();
    let body: Value = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [app.settings().signing_alg],
    });
    ([(CACHE_CONTROL, CACHE)], Json(body))
}
