//! One's own account: devices, events, and who one is.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use countersign_core::SessionId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asked::{Asked, Parameters};
use super::error::{ErrorAnswer, Refused};
use super::view::{DeviceView, EventView, UserView};
use crate::app::App;

/// The user whose access token comes with the request.
#[utoipa::path(get, path = "/auth/me", tag = "account", security(("access_token" = [])),
    responses((status = 200, body = UserView), (status = 401, body = ErrorAnswer)))]
pub(super) async fn me(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<UserView>, Refused> {
    Ok(Json(UserView::from(&asked.authenticate(&app).await?.held().user)))
}

/// The user's sessions.
#[derive(Serialize, ToSchema)]
pub(super) struct Devices {
    sessions: Vec<DeviceView>,
}

/// The user's living sessions, oldest first.
#[utoipa::path(get, path = "/auth/sessions", tag = "account", security(("access_token" = [])),
    responses((status = 200, body = Devices), (status = 401, body = ErrorAnswer)))]
pub(super) async fn sessions(State(app): State<Arc<App>>, asked: Asked) -> Result<Json<Devices>, Refused> {
    let who = asked.authenticate(&app).await?;
    let held = who.held();
    let sessions = app.sessions(held.user.id).await?;
    Ok(Json(Devices { sessions: sessions.iter().map(|one| DeviceView::new(one, held.session.id)).collect() }))
}

/// Ends one of the user's sessions.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "account", params(("id" = String, Path)),
    security(("access_token" = [])), responses((status = 204), (status = "4XX", body = ErrorAnswer)))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<StatusCode, Refused> {
    let who = asked.authenticate(&app).await?;
    let id: SessionId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(no_such_session)?;
    app.revoke_own(&who, id).await.map_err(|error| match error {
        crate::app::Error::BadRequest(_) => no_such_session(),
        other => other.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_such_session() -> Refused {
    Refused::with_status(StatusCode::NOT_FOUND, "there is no such session")
}

#[derive(Deserialize, IntoParams)]
pub(super) struct Before {
    /// The id of an event: only older ones are answered.
    #[param(value_type = Option<String>)]
    before: Option<u64>,
    /// How many at most; 100 at the most.
    limit: Option<u32>,
}

/// What happened to the account.
#[derive(Serialize, ToSchema)]
pub(super) struct Events {
    events: Vec<EventView>,
}

/// What happened to the account, newest first.
#[utoipa::path(get, path = "/auth/events", tag = "account", params(Before), security(("access_token" = [])),
    responses((status = 200, body = Events), (status = 401, body = ErrorAnswer)))]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Parameters(Before { before, limit }): Parameters<Before>,
    asked: Asked,
) -> Result<Json<Events>, Refused> {
    let who = asked.authenticate(&app).await?;
    let events = app.events(who.held().user.id, before, limit.unwrap_or(20)).await?;
    Ok(Json(Events { events: events.into_iter().map(EventView::from).collect() }))
}
