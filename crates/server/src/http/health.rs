//! For operators: is it alive, is it ready, what has it done.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::PrometheusHandle;

use super::asked::Asked;
use super::error::{ErrorAnswer, Refused};
use crate::app::{App, Scope};

/// The process runs.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, body = String)))]
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// The process can do its work: the database takes reads and writes.
#[utoipa::path(get, path = "/health/ready", tag = "operations",
    responses((status = 200, body = String), (status = 503, body = ErrorAnswer)))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Refused> {
    app.ready().await?;
    Ok("ready\n")
}

/// Counters in the Prometheus text format; needs a service key with scope `metrics`.
#[utoipa::path(get, path = "/metrics", tag = "operations", security(("service_key" = [])),
    responses((status = 200, body = String), (status = "4XX", body = ErrorAnswer)))]
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    State(handle): State<Option<PrometheusHandle>>,
    asked: Asked,
) -> Result<Response, Refused> {
    app.check_service_key(asked.bearer.as_deref(), Scope::Metrics).await?;
    let text = handle.map(|handle| handle.render()).unwrap_or_default();
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
