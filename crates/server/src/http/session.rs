//! Opening, renewing and ending sessions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::{AppendHeaders, IntoResponse, Response};
use countersign_core::Code;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use super::asked::{Asked, JsonBody, Parameters};
use super::cookies;
use super::error::{ErrorAnswer, Refused};
use super::view::{MintAnswer, SessionAnswer};
use crate::app::{App, Credentials, Issued, Login, Presented, Scope, Signup};
use crate::store::Mode;

#[derive(Deserialize, ToSchema)]
pub(super) struct SignupBody {
    email: String,
    username: Option<String>,
    #[schema(value_type = String)]
    password: Zeroizing<String>,
    /// Whether the cookies outlive the browser.
    #[serde(default)]
    remember: bool,
    /// `cookie` (the default) or `header`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mode: Mode,
}

/// Creates an account and opens its first session.
#[utoipa::path(post, path = "/auth/signup", tag = "sessions", request_body = SignupBody, responses(
    (status = 201, body = SessionAnswer), (status = "4XX", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn signup(
    State(app): State<Arc<App>>,
    asked: Asked,
    JsonBody(body): JsonBody<SignupBody>,
) -> Result<Response, Refused> {
    let who = Signup { email: body.email, username: body.username, password: body.password };
    let how = Login { remember: body.remember, mode: body.mode };
    let issued = app.signup(who, how, asked.caller()).await?;
    Ok((StatusCode::CREATED, answer(&app, issued)).into_response())
}

#[derive(Deserialize, ToSchema)]
pub(super) struct LoginBody {
    /// The user name, or the e-mail address.
    username: Option<String>,
    /// The e-mail address, or the user name.
    email: Option<String>,
    #[schema(value_type = String)]
    password: Zeroizing<String>,
    /// Whether the cookies outlive the browser.
    #[serde(default)]
    remember: bool,
    /// `cookie` (the default) or `header`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mode: Mode,
}

/// Opens a session by name and password.
#[utoipa::path(post, path = "/auth/login", tag = "sessions", request_body = LoginBody, responses(
    (status = 200, body = SessionAnswer), (status = "4XX", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn login(
    State(app): State<Arc<App>>,
    asked: Asked,
    JsonBody(body): JsonBody<LoginBody>,
) -> Result<Response, Refused> {
    let name = one_name(body.username, body.email)?;
    let how = Login { remember: body.remember, mode: body.mode };
    let issued = app.login(Credentials { name, password: body.password }, how, asked.caller()).await?;
    Ok(answer(&app, issued))
}

/// The one name that a login gives.
pub(crate) fn one_name(username: Option<String>, email: Option<String>) -> Result<String, Refused> {
    match (username, email) {
        (Some(name), None) | (None, Some(name)) => Ok(name),
        _ => Err(Refused::bad_request("give either username or email")),
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RefreshBody {
    /// The refresh token, in header mode; in cookie mode it comes by cookie only.
    refresh_token: Option<String>,
    /// Asks for a session of its own, for a tab that duplicated another (header mode).
    #[serde(default)]
    fork: bool,
}

/// Renews the session's tokens.
#[utoipa::path(post, path = "/auth/refresh", tag = "sessions", request_body = RefreshBody, responses(
    (status = 200, body = SessionAnswer), (status = "4XX", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    asked: Asked,
    JsonBody(body): JsonBody<RefreshBody>,
) -> Result<Response, Refused> {
    let issued = match (&body.refresh_token, body.fork) {
        (Some(token), true) => app.fork(asked.presented(token, Mode::Header), asked.user_agent()).await?,
        (Some(token), false) => renew(&app, asked.presented(token, Mode::Header)).await?,
        (None, false) => renew(&app, asked.by_cookie()?).await?,
        (None, true) => return Err(Refused::bad_request("fork: for header mode only, with refresh_token")),
    };
    Ok(answer(&app, issued))
}

/// The refresh, within the flight time: an answer that came later would be one that the rule does not expect.
pub(crate) async fn renew(app: &App, presented: Presented<'_>) -> Result<Issued, Refused> {
    match tokio::time::timeout(app.settings().flight.0, app.refresh(presented)).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Refused::code(Code::Unavailable)),
    }
}

/// Mints an access token for a server that renders a page: its service key, and the page request's cookies.
#[utoipa::path(post, path = "/auth/mint", tag = "sessions", security(("service_key" = [])), responses(
    (status = 200, body = MintAnswer), (status = "4XX", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn mint(
    State(app): State<Arc<App>>,
    asked: Asked,
    JsonBody(NoBody {}): JsonBody<NoBody>,
) -> Result<Json<MintAnswer>, Refused> {
    app.check_service_key(asked.bearer.as_deref(), Scope::Ssr).await?;
    let refresh = asked.cookies.refresh.as_deref().ok_or_else(|| Refused::code(Code::NoSession))?;
    Ok(Json(app.mint(asked.presented(refresh, Mode::Cookie)).await?.into()))
}

#[derive(Deserialize)]
pub(super) struct NoBody {}

#[derive(Deserialize, ToSchema)]
pub(super) struct LogoutBody {
    /// The refresh token, in header mode.
    refresh_token: Option<String>,
}

/// What a logout answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Done {
    ok: bool,
}

/// Ends the session, durably, before the answer.
#[utoipa::path(post, path = "/auth/logout", tag = "sessions", request_body = LogoutBody, responses(
    (status = 200, body = Done), (status = "4XX", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    asked: Asked,
    JsonBody(body): JsonBody<LogoutBody>,
) -> Result<Response, Refused> {
    app.logout(asked.leaving(body.refresh_token.as_deref())).await?;
    Ok(gone(&app))
}

#[derive(Deserialize, IntoParams)]
pub(super) struct Others {
    /// Keeps the session that asks.
    #[serde(default)]
    others: bool,
}

/// Ends every session of the user ("force logout everywhere").
#[utoipa::path(post, path = "/auth/logout/all", tag = "sessions", params(Others), security(("access_token" = [])),
    responses((status = 200, body = Done), (status = "4XX", body = ErrorAnswer), (status = 503, body = ErrorAnswer)))]
pub(super) async fn logout_all(
    State(app): State<Arc<App>>,
    Parameters(Others { others }): Parameters<Others>,
    asked: Asked,
    JsonBody(NoBody {}): JsonBody<NoBody>,
) -> Result<Response, Refused> {
    let who = asked.authenticate(&app).await?;
    app.logout_all(&who, others).await?;
    Ok(if others { Json(Done { ok: true }).into_response() } else { gone(&app) })
}

fn answer(app: &App, issued: Issued) -> Response {
    let cookies = headers(cookies::set(app.settings(), &issued));
    (cookies, Json(SessionAnswer::from(issued))).into_response()
}

fn gone(app: &App) -> Response {
    (headers(cookies::clear(app.settings())), Json(Done { ok: true })).into_response()
}

fn headers(lines: Vec<HeaderValue>) -> AppendHeaders<Vec<(axum::http::HeaderName, HeaderValue)>> {
    AppendHeaders(lines.into_iter().map(|line| (SET_COOKIE, line)).collect())
}
