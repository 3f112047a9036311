use std::collections::BTreeSet;

use http::header::ORIGIN;
use http::{HeaderMap, Uri};

use crate::Refused;

/// The pages that may open a socket. No browser asks before it opens one, and it sends the cookies along; so the
/// server must look where the request comes from.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeSet<String>);

impl Origins {
    /// That the request is of a page on the list, or of no browser.
    ///
    /// # Errors
    /// [`Refused::Origin`].
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            // Every browser says where a socket is opened from.
            (None, _) => Ok(()),
            (Some(origin), None) if origin.to_str().is_ok_and(|origin| self.0.contains(origin)) => Ok(()),
            _ => Err(Refused::Origin),
        }
    }
}

impl<S: Into<String>> FromIterator<S> for Origins {
    /// A list of origins as browsers write them: `https://app.example`.
    fn from_iter<I: IntoIterator<Item = S>>(origins: I) -> Self {
        Self(origins.into_iter().map(Into::into).collect())
    }
}

/// The origin of a URL that is nothing but an origin: scheme and authority in lower case, no path. It is written
/// as browsers do if it equals its origin.
pub fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let bare = uri.path() == "/" && uri.query().is_none() && !url.ends_with('/');
    bare.then(|| format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()))
}
