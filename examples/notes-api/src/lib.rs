//! An API of notes, to show what protecting one takes: everything that knows of tokens is in this file.
//!
//! ```text
//!  POST /graphql ──► the extractor Verified ──► schema ──► notes of that user
//!  GET  /graphql ──► Sockets: the same, and the socket ends with the session
//!  GET  /health  ──► Verifier::status
//! ```

mod notes;
mod schema;

use std::sync::Arc;

use async_graphql::Data;
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::extract::{FromRef, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use countersign_verifier::graphql::Sockets;
use countersign_verifier::websocket::{Origins, Rules};
use countersign_verifier::{Verified, Verifier};
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;

pub use notes::{Note, Notes};

use schema::Schema;

/// The API. Pages of `origins` may call it, and programs.
pub fn router(verifier: Verifier, notes: Arc<Notes>, origins: &[HeaderValue], rules: Rules) -> Router {
    let schema = schema::build(notes);
    let pages: Origins = origins.iter().filter_map(|origin| origin.to_str().ok()).collect();
    let sockets = Sockets::new(verifier.clone(), schema.clone(), pages).rules(rules);
    // With credentials: the fingerprint cookie is to come along.
    let cors = CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_credentials(true)
        .allow_methods([Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE]);
    Router::new()
        .route("/graphql", get(subscribe).post(execute))
        .route("/health", get(health))
        .layer(RequestBodyLimitLayer::new(64 * 1024))
        .layer(cors)
        .with_state(Api { verifier, schema, sockets })
}

impl FromRef<Api> for Verifier {
    fn from_ref(api: &Api) -> Self {
        api.verifier.clone()
    }
}

#[derive(Clone)]
struct Api {
    verifier: Verifier,
    schema: Schema,
    sockets: Sockets<Schema>,
}

async fn execute(State(api): State<Api>, verified: Verified, request: GraphQLRequest) -> GraphQLResponse {
    api.schema.execute(request.into_inner().data(verified)).await.into()
}

async fn subscribe(State(api): State<Api>, request: Request) -> Response {
    api.sockets.open(request, Data::default()).await
}

/// How fresh the API's knowledge of ended sessions is.
async fn health(State(api): State<Api>) -> Response {
    let status = api.verifier.status();
    let code = if status.unready.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(status)).into_response()
}
