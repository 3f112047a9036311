//! The HTTP API. This file is its table of contents; each route is a thin view of a use case.

mod account;
pub(crate) mod asked;
pub(crate) mod cookies;
pub(crate) mod error;
mod health;
mod keys;
mod origin;
pub(crate) mod page;
mod revocations;
pub(crate) mod session;
mod trace;
mod verify;
pub(crate) mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use countersign_core::Code;
use countersign_verifier::graphql::Sockets;
use metrics_exporter_prometheus::PrometheusHandle;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::graphql::socket::Coded;
use crate::graphql::{self, Schema};
use error::Refused;

/// What routes are given.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) app: Arc<App>,
    pub(crate) schema: Schema,
    /// Behind an `Arc`, as all of this is cloned for each request.
    pub(crate) sockets: Arc<Sockets<Coded>>,
    pub(crate) metrics: Option<PrometheusHandle>,
}

impl FromRef<Shared> for Arc<App> {
    fn from_ref(shared: &Shared) -> Self {
        Self::clone(&shared.app)
    }
}

impl FromRef<Shared> for Schema {
    fn from_ref(shared: &Shared) -> Self {
        shared.schema.clone()
    }
}

impl FromRef<Shared> for Sockets<Coded> {
    fn from_ref(shared: &Shared) -> Self {
        Self::clone(&shared.sockets)
    }
}

impl FromRef<Shared> for Option<PrometheusHandle> {
    fn from_ref(shared: &Shared) -> Self {
        shared.metrics.clone()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Countersign", description = "Sessions for GraphQL and API clients. See docs/PROTOCOL.md."),
    tags(
        (name = "sessions", description = "Opening, renewing and ending sessions"),
        (name = "account", description = "One's own account"),
        (name = "keys", description = "What verifiers need: public keys and the deny-list; and a verifier for proxies"),
        (name = "operations", description = "For operators"),
    )
)]
struct Description;

fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi())
        // Opening, renewing and ending sessions.
        .routes(routes!(session::signup))
        .routes(routes!(session::login))
        .routes(routes!(session::refresh))
        .routes(routes!(session::mint))
        .routes(routes!(session::logout))
        .routes(routes!(session::logout_all))
        // One's own account.
        .routes(routes!(account::me))
        .routes(routes!(account::sessions))
        .routes(routes!(account::revoke))
        .routes(routes!(account::events))
        // What verifiers need: public keys, and what is refused in spite of them.
        .routes(routes!(keys::jwks))
        .routes(routes!(keys::configuration))
        .routes(routes!(revocations::revocations))
        .routes(routes!(verify::verify))
        // For operators.
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        // The names that the article uses.
        .route("/auth/refresh_token", axum::routing::post(session::refresh))
        // What is no API.
        .route("/graphql", graphql::route())
        .route("/openapi.json", get(openapi))
        .route("/", get(page::home))
        .route("/assets/{name}", get(page::asset))
}

/// The OpenAPI description of the API.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    let mut api = routes().into_openapi();
    let parts = api.components.get_or_insert_default();
    for name in ["access_token", "service_key"] {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        parts.security_schemes.insert(name.to_owned(), scheme.into());
    }
    api
}

async fn openapi() -> impl IntoResponse {
    axum::Json(description())
}

/// Every route, behind the layers that every request passes, outermost first.
pub(crate) fn router(shared: Shared) -> Router {
    let app = Arc::clone(&shared.app);
    let (routes, _) = routes().split_for_parts();
    // In one piece: each layer that a router is given is a box more, which is made anew for each request.
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(trace::Counting::default()))
        // Failures are logged where they arise, with what they are.
        .layer(TraceLayer::new_for_http().on_failure(()))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(CatchPanicLayer::custom(|_| Refused::code(Code::Unavailable).into_response()))
        .layer(from_fn_with_state(Arc::clone(&app), headers))
        .layer(origin::cors(&app))
        .layer(from_fn_with_state(app, origin::check))
        .layer(from_fn(detach));
    routes
        .fallback(async || Refused::with_status(StatusCode::NOT_FOUND, "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Refused::with_status(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
        })
        .layer(layers)
        .with_state(shared)
}

/// Runs what changes something in a task of its own, so that a client that hangs up does not stop it half-way.
async fn detach(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "a request's task failed");
            Refused::code(Code::Unavailable).into_response()
        }
    }
}

/// Security headers, where a route has not set its own.
async fn headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let private = path.starts_with("/auth") || path == "/graphql";
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    if private {
        default(CACHE_CONTROL, "no-store");
    }
    default(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    default(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    default(REFERRER_POLICY, "no-referrer");
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    if app.settings().issuer().starts_with("https://") {
        default(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}
