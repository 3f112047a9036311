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

/// Nothing from another host, no inline script or style, no string that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

#[derive(Template)]
#[template(path = "page.html")]
struct Home<'a> {
    issuer: &'a str,
    signup: bool,
    password_min: u32,
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
    page(&Home {
        issuer: settings.issuer(),
        signup: settings.signup,
        password_min: settings.password_min,
        icon: url("icon.svg"),
        style: url("page.css"),
        script: url("page.js"),
    })
}

/// The page to try GraphQL queries on.
pub(crate) fn try_queries() -> Result<Response, Refused> {
    page(&TryQueries { icon: url("icon.svg"), style: url("page.css"), script: url("graphql.js") })
}

fn page(template: &impl Template) -> Result<Response, Refused> {
    let html = template.render().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(([(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")], Html(html)).into_response())
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
