//! What an API behind a gateway reads of its caller: session variables, as headers.
//!
//! The names are Hasura's, as `x-hasura-role` and `x-hasura-user-id`; any other API reads them as well. Whoever
//! sets them first takes out what the client sent under such names: [`clear`].

use countersign_core::token::Reject;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::{Refused, Verified};

/// The role that a request is made in, and the one that a client asks for.
pub const ROLE: HeaderName = HeaderName::from_static("x-hasura-role");
const USER_ID: HeaderName = HeaderName::from_static("x-hasura-user-id");
const SESSION: HeaderName = HeaderName::from_static("x-countersign-session");

/// The names that only whoever checks a token may say, each as it begins.
const OURS: [&str; 2] = ["x-hasura-", "x-countersign-"];

/// Whether no client may say this name: one of `x-hasura-…` and `x-countersign-…`, in any case, and with `_` for
/// `-`, as servers that turn headers into variables cannot tell the two.
pub fn is_ours(name: &str) -> bool {
    OURS.iter().any(|ours| {
        name.as_bytes().get(..ours.len()).is_some_and(|start| {
            start.iter().zip(ours.bytes()).all(|(given, ours)| match given {
                b'_' => ours == b'-',
                given => given.to_ascii_lowercase() == ours,
            })
        })
    })
}

/// Takes out every header whose name no client may say.
pub fn clear(headers: &mut HeaderMap) {
    let found: Vec<_> = headers.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// The role that a request asks for: its `X-Hasura-Role`.
///
/// # Errors
/// [`Refused::Doubled`] if it asks for several, [`Refused::Role`] if that is no name.
pub fn asked_role(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let mut asked = headers.get_all(ROLE).iter();
    let role = asked.next().map(|role| std::str::from_utf8(role.as_bytes()).map_err(|_| Refused::Role));
    if asked.next().is_some() {
        return Err(Refused::Doubled("X-Hasura-Role"));
    }
    role.transpose()
}

/// The session variables of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables(Vec<(HeaderName, HeaderValue)>);

impl Variables {
    /// Those of a token, in the role asked for, or else in the token's default role.
    ///
    /// # Errors
    /// [`Refused::Role`] if the token does not allow the role.
    pub fn of(verified: &Verified, role: Option<&str>) -> Result<Self, Refused> {
        let claims = &verified.hasura;
        let role = role.unwrap_or(&claims.default_role);
        verified.require_role(role)?;
        let mut all = vec![
            (ROLE, value(role)?),
            (USER_ID, value(&claims.user_id)?),
            (SESSION, value(&verified.sid.to_string())?),
        ];
        for (name, text) in &claims.custom {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| Reject::Claims)?;
            all.push((name, value(text)?));
        }
        Ok(Self(all))
    }

    /// Those of somebody who is not known: a role, and nothing that tells who it is.
    ///
    /// # Errors
    /// [`Refused::Role`] if the role is no text that a header can carry.
    pub fn anonymous(role: &str) -> Result<Self, Refused> {
        Ok(Self(vec![(ROLE, value(role).map_err(|_| Refused::Role)?)]))
    }

    /// Takes out of `headers` what the client said under names of ours, and says these instead.
    pub fn set(&self, headers: &mut HeaderMap) {
        clear(headers);
        for (name, value) in &self.0 {
            headers.insert(name, value.clone());
        }
    }

    /// Names, in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), std::str::from_utf8(value.as_bytes()).unwrap_or_default()))
    }
}

/// A text as a header carries it: in UTF-8, which HTTP passes on as it is, but for the space around it, without
/// which it could be somebody else's.
fn value(text: &str) -> Result<HeaderValue, Reject> {
    if text.trim() != text {
        return Err(Reject::Claims);
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| Reject::Claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_we_may_say_are_known_in_every_spelling() {
        for name in ["x-hasura-role", "X-Hasura-Role", "x_hasura_role", "X_HASURA-ADMIN_SECRET", "x-hasura-"]
        {
            assert!(is_ours(name), "{name}");
        }
        assert!(is_ours("X_Countersign-Session"));
        for name in
            ["x-hasura", "x-countersign", "x-hasurarole", "my-x-hasura-role", "x.hasura.role", "\u{e9}"]
        {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn a_value_arrives_as_it_is_or_not_at_all() {
        for text in ["", "editor", "two words", "caf\u{e9}", "{\"a\": [1]}"] {
            assert_eq!(value(text).unwrap().as_bytes(), text.as_bytes());
        }
        for text in [" admin", "admin ", "\tadmin", "a\r\nx-hasura-role: admin", "a\nb", "a\0b", "\u{7f}"] {
            assert_eq!(value(text), Err(Reject::Claims), "{text:?}");
        }
    }

    #[test]
    fn a_client_asks_for_one_role() {
        let mut headers = HeaderMap::new();
        assert_eq!(asked_role(&headers), Ok(None));
        headers.append(ROLE, HeaderValue::from_static("editor"));
        assert_eq!(asked_role(&headers), Ok(Some("editor")));
        headers.append(ROLE, HeaderValue::from_static("admin"));
        assert_eq!(asked_role(&headers), Err(Refused::Doubled("X-Hasura-Role")));
    }
}
