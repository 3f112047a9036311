//! Forward-auth: a proxy asks whether it may pass a request on, and what it then says of its caller.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use countersign_verifier::Shown;
use countersign_verifier::variables::{Variables, asked_role};

use super::error::{ErrorAnswer, Refused};
use crate::app::App;

/// The whole refusal, for proxies that can hand on headers of it and not its body.
const REFUSAL: HeaderName = HeaderName::from_static("x-countersign-refusal");

/// Whether a proxy may pass a request with these headers on, and who calls; answered from memory.
#[utoipa::path(get, path = "/auth/verify", tag = "keys", security(("access_token" = [])),
    params(("X-Hasura-Role" = Option<String>, Header, description = "The role wanted, if not the default role")),
    responses((status = 200, description = "Nobody but the session's own browser sent it", headers(
        ("X-Hasura-User-Id" = String, description = "The user"),
        ("X-Hasura-Role" = String, description = "The role: the one wanted, or the default role"),
        ("X-Countersign-Session" = String, description = "The session"))),
        (status = "4XX", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn verify(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match caller(&app, &headers).await {
        Ok(variables) => {
            let mut response = ().into_response();
            variables.set(response.headers_mut());
            response
        }
        Err(refused) => {
            let refused = Refused::from(refused);
            let told = serde_json::to_string(&refused.body()).ok();
            let mut response = refused.into_response();
            if let Some(told) = told.and_then(|told| HeaderValue::from_str(&told).ok()) {
                response.headers_mut().insert(REFUSAL, told);
            }
            response
        }
    }
}

async fn caller(app: &App, headers: &HeaderMap) -> Result<Variables, countersign_verifier::Refused> {
    let verifier = app.verifier();
    let known = verifier.verify(&Shown::of(headers, verifier.policy())?).await?;
    Variables::of(&known, asked_role(headers)?)
}
