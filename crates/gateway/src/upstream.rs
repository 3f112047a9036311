//! The API behind.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, PathAndQuery, Scheme};

use crate::error::Error;

/// Where the API is: plain HTTP, as it stands behind the gateway on the same machine or network.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    authority: Authority,
    /// What its paths begin with, without a slash at the end.
    base: String,
}

/// A text that is no address of an API.
#[derive(Debug)]
pub(crate) struct NoUpstream;

impl FromStr for Upstream {
    type Err = NoUpstream;

    fn from_str(text: &str) -> Result<Self, NoUpstream> {
        let parts = text.parse::<Uri>().map_err(|_| NoUpstream)?.into_parts();
        let authority = parts.authority.filter(|authority| !authority.as_str().contains('@'));
        let path = parts.path_and_query.filter(|path| path.query().is_none()).ok_or(NoUpstream)?;
        if parts.scheme != Some(Scheme::HTTP) {
            return Err(NoUpstream);
        }
        let base = path.path().trim_end_matches('/').to_owned();
        Ok(Self { authority: authority.ok_or(NoUpstream)?, base })
    }
}

impl Upstream {
    /// Where a request for `asked` goes.
    pub(crate) fn uri(&self, scheme: &str, asked: &Uri) -> Result<Uri, Error> {
        if has_dot_segment(asked.path()) {
            return Err(Error::Malformed("the path has a segment of dots"));
        }
        let path = asked.path_and_query().map_or("/", PathAndQuery::as_str);
        if !path.starts_with('/') {
            return Err(Error::Malformed("the path does not begin with a slash"));
        }
        Uri::builder()
            .scheme(scheme)
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.base))
            .build()
            .map_err(|_| Error::Malformed("the path is none"))
    }

    /// Host and port to connect to.
    pub(crate) fn address(&self) -> (String, u16) {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        (host.to_owned(), self.authority.port_u16().unwrap_or(80))
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.base)
    }
}

/// Whether a path could lead above what it seems to be under, to a server that resolves it. Browsers resolve
/// such paths before they ask.
fn has_dot_segment(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_plain_http_with_or_without_a_path() {
        for (text, shown) in [
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://api/v1/", Some("http://api/v1")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("https://api.example", None),
            ("api:8080", None),
            ("/v1", None),
            ("http://api/v1?x=1", None),
            ("http://me:word@api", None),
        ] {
            let found = text.parse::<Upstream>().ok().map(|upstream| upstream.to_string());
            assert_eq!(found.as_deref(), shown, "{text}");
        }
        assert_eq!("http://[::1]:8080".parse::<Upstream>().unwrap().address(), ("::1".into(), 8080));
    }

    #[test]
    fn a_path_stays_under_the_base() {
        let upstream: Upstream = "http://api:81/v1".parse().unwrap();
        let went =
            |asked: &str| upstream.uri("http", &asked.parse().unwrap()).ok().map(|uri| uri.to_string());
        assert_eq!(went("/graphql?a=/../b").as_deref(), Some("http://api:81/v1/graphql?a=/../b"));
        assert_eq!(went("http://elsewhere/x").as_deref(), Some("http://api:81/v1/x"));
        for path in ["/../admin", "/a/%2e%2E/b", "/./a", "/a/.%2e"] {
            assert_eq!(went(path), None, "{path}");
        }
    }
}
