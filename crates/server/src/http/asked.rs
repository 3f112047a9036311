//! What a request shows of its sender, read once, and bodies read strictly.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, FromRef, FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use countersign_core::Code;
use serde::de::DeserializeOwned;

use super::cookies::Cookies;
use super::error::Refused;
use crate::app::{App, Authenticated, Caller, Leaving, Presented};
use crate::config::Settings;
use crate::store::Mode;

/// The header that no form can send, so that a page of another site cannot use our cookies.
pub(crate) const COUNTERSIGN: HeaderName = HeaderName::from_static("x-countersign");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The longest body that is read, in bytes.
pub(crate) const LONGEST_BODY: usize = 64 * 1024;

/// What a request shows of its sender.
pub(crate) struct Asked {
    pub(crate) cookies: Cookies,
    pub(crate) bearer: Option<String>,
    /// Whether the header `X-Countersign: 1` came.
    by_script: bool,
    address: IpAddr,
    user_agent: Option<String>,
}

impl Asked {
    pub(crate) fn read(headers: &HeaderMap, peer: IpAddr, settings: &Settings) -> Result<Self, Refused> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Self {
            cookies: Cookies::read(headers, settings)?,
            bearer: text(AUTHORIZATION).and_then(bearer).map(str::to_owned),
            by_script: text(COUNTERSIGN) == Some("1"),
            address: address(text(FORWARDED_FOR), peer, &settings.trusted_proxies),
            user_agent: text(USER_AGENT).map(|agent| agent.chars().take(256).collect()),
        })
    }

    pub(crate) fn caller(self) -> Caller {
        Caller { address: self.address, user_agent: self.user_agent, fingerprint: self.cookies.fingerprint }
    }

    pub(crate) fn user_agent(&self) -> Option<String> {
        self.user_agent.clone()
    }

    /// The refresh token of the cookie, for a request whose page proves that it is no forgery.
    pub(crate) fn by_cookie(&self) -> Result<Presented<'_>, Refused> {
        let refresh = self.cookies.refresh.as_deref().ok_or_else(|| Refused::code(Code::NoSession))?;
        if !self.by_script {
            return Err(Refused::code(Code::CsrfRejected));
        }
        Ok(self.presented(refresh, Mode::Cookie))
    }

    /// A refresh token, and the fingerprint cookie that came with it.
    pub(crate) fn presented<'r>(&'r self, refresh: &'r str, mode: Mode) -> Presented<'r> {
        Presented { refresh, mode, fingerprint: self.cookies.fingerprint.as_ref(), claimed_fingerprint: None }
    }

    /// Everything by which the request names the session that it wants to leave. A cookie that may be forged counts
    /// for nothing.
    pub(crate) fn leaving<'r>(&'r self, by_body: Option<&'r str>) -> Leaving<'r> {
        let by_cookie = self.by_cookie().ok().map(|presented| presented.refresh);
        let unproven = self.cookies.refresh.is_some() && by_cookie.is_none();
        let (bearer, fingerprint) = (self.bearer.as_deref(), self.cookies.fingerprint.as_ref());
        Leaving { by_body, bearer, by_cookie, unproven, fingerprint }
    }

    /// The session whose access token came with the request.
    pub(crate) async fn authenticate(&self, app: &App) -> Result<Authenticated, Refused> {
        Ok(app.authenticate(self.bearer.as_deref(), self.cookies.fingerprint.as_ref()).await?)
    }
}

impl<S> FromRequestParts<S> for Asked
where
    Arc<App>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let app = Arc::<App>::from_ref(state);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        // Without a peer (a test that calls the router) every caller counts as the same one.
        let peer = peer.map_or(IpAddr::from([127, 0, 0, 1]), |ConnectInfo(peer)| peer.ip());
        Self::read(&parts.headers, peer, app.settings())
    }
}

/// The token of `Authorization: Bearer …`; the scheme in any case ([RFC 9110, section 11.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.1)).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The address that limits count: the nearest one that is not a proxy of ours.
fn address(forwarded: Option<&str>, peer: IpAddr, proxies: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !proxies.contains(&peer) {
        return peer;
    }
    let hops = forwarded.unwrap_or_default().rsplit(',').map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    hops.map(|hop| hop.to_canonical()).find(|hop| !proxies.contains(hop)).unwrap_or(peer)
}

/// The parameters of the query string.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let read = Query::try_from_uri(&parts.uri);
        read.map(|Query(it)| Self(it)).map_err(|fault| Refused::bad_request(fault.body_text()))
    }
}

/// A JSON body: of that content type, at most 64 KiB. An empty one reads as `{}`.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let bytes = read_json(&parts.headers, body).await?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(bytes)
            .map(Self)
            .map_err(|error| Refused::bad_request(format!("body: {error}")))
    }
}

/// The bytes of a body that says it is JSON.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body) -> Result<axum::body::Bytes, Refused> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        // Any other type can come from a form of any site.
        return Err(Refused::with_status(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type: application/json is wanted",
        ));
    }
    let too_large = || Refused::with_status(StatusCode::PAYLOAD_TOO_LARGE, "the body is over 64 KiB");
    to_bytes(body, LONGEST_BODY).await.map_err(|_| too_large())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_proxies_name_the_address() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = [ip("10.0.0.1"), ip("10.0.0.2")];
        assert_eq!(address(Some("1.1.1.1"), ip("9.9.9.9"), &proxies), ip("9.9.9.9"), "a stranger's header");
        assert_eq!(address(Some("6.6.6.6, 1.1.1.1, 10.0.0.2"), ip("10.0.0.1"), &proxies), ip("1.1.1.1"));
        assert_eq!(address(Some("1.1.1.1, junk"), ip("10.0.0.1"), &proxies), ip("10.0.0.1"));
        assert_eq!(address(None, ip("::ffff:10.0.0.1"), &proxies), ip("10.0.0.1"));
    }
}
