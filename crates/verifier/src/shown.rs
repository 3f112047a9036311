//! What a request shows of its sender.

use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

use crate::{Policy, Refused};

/// The access token and the fingerprint cookie of a request, where they stand in it.
#[derive(Clone, Copy, Default)]
pub struct Shown<'r> {
    /// The access token.
    pub token: Option<&'r str>,
    /// The value of the fingerprint cookie; a text that is none counts as another session's.
    pub fingerprint: Option<&'r str>,
}

impl<'r> Shown<'r> {
    /// Reads the headers of a request.
    ///
    /// # Errors
    /// [`Refused::Doubled`] if `Authorization` or the cookie came twice.
    pub fn of(headers: &'r HeaderMap, policy: &Policy) -> Result<Self, Refused> {
        let mut authorizations = headers.get_all(AUTHORIZATION).iter();
        let authorization = authorizations.next().and_then(|value| value.to_str().ok());
        if authorizations.next().is_some() {
            return Err(Refused::Doubled("Authorization"));
        }
        let fingerprint = only_cookie(headers, policy.fingerprint_cookie())?;
        Ok(Self { token: authorization.and_then(bearer), fingerprint })
    }
}

/// What was shown does not print: each alone opens something.
impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown")
            .field("token", &self.token.is_some())
            .field("fingerprint", &self.fingerprint.is_some())
            .finish()
    }
}

/// The token of `Bearer …`; the scheme in any case ([RFC 9110, section 11.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.1)).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn only_cookie<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Refused> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(given, _)| *given == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Refused::Doubled(name)),
        (first, None) => Ok(first),
    }
}
