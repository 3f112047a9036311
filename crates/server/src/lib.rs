//! The Countersign auth server as a library: [`app`] acts, the rest translates.
//!
//! ```text
//!            ┌► http ────┐
//! listen ────┤           ├──► app ──► core   (decides)
//!            └► graphql ─┘      └───► store  (remembers)
//! ```
//!
//! A program that embeds the server checks a [`config::Config`], starts an [`app::App`] and serves
//! [`router`]; the command line does just that.

pub mod app;
pub mod config;
mod graphql;
mod http;
pub mod listen;
pub mod random;
pub mod seal;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

pub use countersign_core::{Every, Span};
pub use http::view::rfc3339;

/// Every route of the server. `metrics` renders `/metrics`.
pub fn router(app: Arc<app::App>, metrics: Option<PrometheusHandle>) -> Router {
    let schema = graphql::schema(Arc::clone(&app));
    let sockets = Arc::new(graphql::socket::sockets(&app, schema.clone()));
    http::router(http::Shared { app, schema, sockets, metrics })
}

/// The OpenAPI description, as pretty JSON.
///
/// # Errors
/// If the description cannot be written as JSON, which a test would have shown.
pub fn openapi() -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&http::description())? + "\n")
}

/// The GraphQL schema, in the schema definition language.
pub fn graphql_schema() -> String {
    graphql::definition()
}

/// How often signing keys whose time has come are looked for. Those that another process changed are noticed by
/// whoever follows the deny-list, at once.
const KEYS_EVERY: Duration = Duration::from_secs(1);
/// How often rows that nobody will ask for are deleted.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// How soon there is another sweep if the last one may have left some.
const SWEEP_AGAIN: Duration = Duration::from_millis(200);

/// What the server does beside answering; runs until dropped.
pub async fn upkeep(app: Arc<app::App>) {
    // A task of its own: a logout must not wait for a sweep.
    let mut following = JoinSet::new();
    let followed = Arc::clone(&app);
    following.spawn(async move { followed.follow_denylist().await });
    let mut keys = tokio::time::interval(KEYS_EVERY);
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    keys.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        let done = tokio::select! {
            _ = keys.tick() => app.keep_signing_keys().await,
            _ = sweep.tick() => app.sweep().await.map(|removed| {
                if removed >= store::SWEPT {
                    sweep.reset_after(SWEEP_AGAIN);
                }
            }),
        };
        // One line when it begins and one when it ends.
        match &done {
            Err(error) if !failing => tracing::warn!(%error, "upkeep fails, and is tried again"),
            Ok(()) if failing => tracing::info!("upkeep works again"),
            _ => {}
        }
        failing = done.is_err();
    }
}
