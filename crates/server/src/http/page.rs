//! Pages for people, and the files that they are made of.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::Refused;
use crate::app::{App, Error};
use crate::config::Settings;

/// Nothing from another host, no inline script or style, no string that becomes markup. Calls go to this server
/// and to the demo API, if there is one. Older browsers do not count a WebSocket as `'self'`.
fn policy(settings: &Settings) -> String {
    let mut calls = format!("'self' {}", over_socket(settings.issuer()));
    if let Some(api) = settings.demo_api() {
        calls = format!("{calls} {api} {}", over_socket(api));
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src {calls}; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types 'none'"
    )
}

fn over_socket(origin: &str) -> String {
    origin.replacen("http", "ws", 1)
}

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

#[derive(Template)]
#[template(path = "page.html")]
struct Home<'a> {
    issuer: &'a str,
    signup: bool,
    password_min: u32,
    demo_api: Option<&'a str>,
    icon: String,
    style: String,
    script: String,
}

#[derive(Template)]
#[template(path = "graphql.html")]
struct TryQueries {
    icon: String,
    style: String,
    script: String,
}

/// The page on which a person sees a session live.
pub(super) async fn home(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    let settings = app.settings();
    let home = Home {
        issuer: settings.issuer(),
        signup: settings.signup,
        password_min: settings.password_min,
        demo_api: settings.demo_api(),
        icon: url("icon.svg"),
        style: url("page.css"),
        script: url("page.js"),
    };
    page(&home, settings)
}

/// The page to try GraphQL queries on.
pub(crate) fn try_queries(settings: &Settings) -> Result<Response, Refused> {
    let queries = TryQueries { icon: url("icon.svg"), style: url("page.css"), script: url("graphql.js") };
    page(&queries, settings)
}

fn page(template: &impl Template, settings: &Settings) -> Result<Response, Refused> {
    let html = template.render().map_err(|error| Error::Internal(error.to_string()))?;
    let headers = [(CONTENT_SECURITY_POLICY, policy(settings)), (CACHE_CONTROL, "no-store".to_owned())];
    Ok((headers, Html(html)).into_response())
}

/// The URL of a file; it changes with the file, so that browsers may keep what they have.
fn url(name: &str) -> String {
    let version = Assets::get(name).map(|file| version(&file)).unwrap_or_default();
    format!("/assets/{name}?v={version}")
}

/// One of the pages' files. Modules import each other without a version, so browsers ask whether it changed.
pub(super) async fn asset(
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let no_such_file = || Refused::with_status(StatusCode::NOT_FOUND, "there is no such file");
    let Path(name) = name.map_err(|_| no_such_file())?;
    let file = Assets::get(&name).ok_or_else(no_such_file)?;
    let tag = format!("\"{}\"", version(&file));
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let media = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [(CONTENT_TYPE, media), (CACHE_CONTROL, "no-cache"), (ETAG, &tag)];
    Ok((headers, file.data).into_response())
}

fn version(file: &EmbeddedFile) -> String {
    let [a, b, c, d, ..] = file.metadata.sha256_hash();
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}
