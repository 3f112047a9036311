//! The three cookies: their names, attributes and reading. Everything about cookies is in this file.
//!
//! | cookie | holds | script can read it |
//! |---|---|---|
//! | `csrt` | the refresh token (cookie mode) | no |
//! | `csfp` | the fingerprint | no |
//! | `cshint` | `<session id>.<depth>`: that there is a session, and how new it is (cookie mode) | yes |

use std::time::Duration;

use axum::http::header::{COOKIE, HeaderMap, HeaderValue};
use countersign_core::token::FingerprintCookie;

use super::error::Refused;
use crate::app::Issued;
use crate::config::{SameSite, Settings};
use crate::store::Mode;

const REFRESH: &str = "csrt";
const FINGERPRINT: &str = "csfp";
const HINT: &str = "cshint";

/// What a request's cookies show.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    pub(crate) refresh: Option<String>,
    pub(crate) fingerprint: Option<FingerprintCookie>,
}

impl Cookies {
    /// Reads the cookies of a request.
    ///
    /// # Errors
    /// 400 if one of our names comes twice: somebody planted a cookie, and which of the two is ours cannot be
    /// told.
    pub(crate) fn read(headers: &HeaderMap, settings: &Settings) -> Result<Self, Refused> {
        let refresh = only(headers, &name(settings, REFRESH))?;
        let fingerprint = only(headers, &name(settings, FINGERPRINT))?;
        Ok(Self {
            refresh: refresh.map(str::to_owned),
            // A text that is no fingerprint is as good as none.
            fingerprint: fingerprint.and_then(|text| FingerprintCookie::parse(text).ok()),
        })
    }
}

fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refused> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(given, _)| *given == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Refused::bad_request(format!("the cookie {name} came twice"))),
        (first, None) => Ok(first),
    }
}

/// The `Set-Cookie` lines that go with an answer that issues tokens.
pub(crate) fn set(settings: &Settings, issued: &Issued) -> Vec<HeaderValue> {
    let life = issued.remember.then(|| issued.expires_at.since(issued.now));
    let mut lines = Vec::with_capacity(3);
    if issued.mode == Mode::Cookie {
        lines.push(line(settings, REFRESH, &issued.refresh, true, life));
        lines.push(line(settings, HINT, &format!("{}.{}", issued.session, issued.depth), false, life));
    }
    if let Some(cookie) = &issued.fingerprint {
        lines.push(line(settings, FINGERPRINT, &cookie.text(), true, life));
    }
    lines.into_iter().flatten().collect()
}

/// The `Set-Cookie` lines that go with a logout.
pub(crate) fn clear(settings: &Settings) -> Vec<HeaderValue> {
    let gone = Some(Duration::ZERO);
    let lines = [(REFRESH, true), (HINT, false), (FINGERPRINT, true)];
    lines.into_iter().filter_map(|(name, http_only)| line(settings, name, "", http_only, gone)).collect()
}

/// The full name. The prefix makes the browser refuse the cookie from anybody but us:
/// [RFC 6265bis, section 4.1.3](https://www.ietf.org/archive/id/draft-ietf-httpbis-rfc6265bis-20.html#section-4.1.3).
fn name(settings: &Settings, name: &str) -> String {
    let prefix = if settings.cookie_domain.is_empty() { "__Host-" } else { "__Secure-" };
    format!("{prefix}{name}")
}

fn line(
    settings: &Settings,
    short: &str,
    value: &str,
    http_only: bool,
    life: Option<Duration>,
) -> Option<HeaderValue> {
    let mut text = format!("{}={value}; Path=/; Secure", name(settings, short));
    text.push_str(match settings.same_site {
        SameSite::Lax => "; SameSite=Lax",
        SameSite::Strict => "; SameSite=Strict",
    });
    if http_only {
        text.push_str("; HttpOnly");
    }
    if !settings.cookie_domain.is_empty() {
        text.push_str("; Domain=");
        text.push_str(&settings.cookie_domain);
    }
    if let Some(life) = life {
        text.push_str("; Max-Age=");
        text.push_str(&life.as_secs().to_string());
    }
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
