use std::sync::Arc;

use http::HeaderValue;
use zeroize::Zeroizing;

/// A secret text that does not print, serialise or compare by accident, and is wiped with its last copy.
#[derive(Clone)]
pub struct SecretText(Arc<Zeroizing<String>>);

impl SecretText {
    /// The longest one that is taken from a server: twice the longest access token.
    const LONGEST: usize = 16 * 1024;

    /// The text, if it can stand in a header and as the value of a cookie.
    pub(crate) fn new(text: Zeroizing<String>) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\');
        let fits = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(Arc::new(text)))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What stands in the header `Authorization` with this as the access token.
    pub(crate) fn bearer(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", self.expose()))
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A header that the HTTP library does not print either.
pub(crate) fn header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
