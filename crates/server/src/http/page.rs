//! The page at `/`, and the files that it is made of.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

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
struct Page<'a> {
    issuer: &'a str,
    signup: bool,
    password_min: u32,
    icon: String,
    style: String,
    script: String,
}

/// The page on which a person sees a session live.
pub(super) async fn page(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    let settings = app.settings();
    let page = Page {
        issuer: settings.issuer(),
        signup: settings.signup,
        password_min: settings.password_min,
        icon: url("icon.svg"),
        style: url("page.css"),
        script: url("page.js"),
    };
    let html = page.render().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(([(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")], Html(html)).into_response())
}

/// The URL of a file; it changes with the file, so that browsers may keep what they have.
fn url(name: &str) -> String {
    let hash = Assets::get(name).map(|file| file.metadata.sha256_hash()).unwrap_or_default();
    let [a, b, c, d, ..] = hash;
    format!("/assets/{name}?v={:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// One of the page's files.
pub(super) async fn asset(Path(name): Path<String>) -> Result<Response, Refused> {
    let file = Assets::get(&name)
        .ok_or_else(|| Refused::with_status(StatusCode::NOT_FOUND, "there is no such file"))?;
    let media = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    Ok(([(CONTENT_TYPE, media), (CACHE_CONTROL, "no-cache")], file.data).into_response())
}
