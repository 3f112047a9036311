use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{Secret, text};

/// The secret in the fingerprint cookie, whose hash is in the access token: 32 bytes, in the cookie as 43
/// characters of base64url.
#[derive(Debug)]
pub struct FingerprintCookie(Secret<32>);

/// A text that is not a fingerprint cookie's value, or not a hash of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint")]
pub struct FingerprintError;

impl FingerprintCookie {
    /// The cookie of this secret.
    pub const fn new(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// The cookie with this value.
    ///
    /// # Errors
    /// [`FingerprintError`] unless it is 43 characters of base64url without stray bits: one secret, one text.
    pub fn parse(value: &str) -> Result<Self, FingerprintError> {
        Secret::fill_with(|bytes| {
            let length = BASE64_URL_SAFE_NO_PAD.decode_slice(value, bytes).map_err(|_| FingerprintError)?;
            if length == bytes.len() { Ok(()) } else { Err(FingerprintError) }
        })
        .map(Self)
    }

    /// The value, for `Set-Cookie` only.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(self.0.expose()))
    }

    /// What stands in the access token and in the database: the hash of the value's text, so that anybody
    /// who sees the cookie can compute it.
    pub fn hash(&self) -> FingerprintHash {
        FingerprintHash::of_text(&self.text())
    }
}

/// SHA-256 of a fingerprint cookie's value: 32 bytes, as text 64 lower-case hex digits.
#[derive(Clone, Copy, Eq)]
pub struct FingerprintHash([u8; 32]);

impl FingerprintHash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of the cookie with this value, as [`FingerprintCookie::hash`], without a copy of the secret.
    ///
    /// # Errors
    /// As [`FingerprintCookie::parse`].
    pub fn of_cookie(value: &str) -> Result<Self, FingerprintError> {
        FingerprintCookie::parse(value).map(|_| Self::of_text(value))
    }

    /// The bytes, as databases hold them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash with this text.
    ///
    /// # Errors
    /// [`FingerprintError`] unless it is 64 lower-case hex digits.
    pub fn from_hex(hex: &str) -> Result<Self, FingerprintError> {
        text::from_hex(hex).map(Self).ok_or(FingerprintError)
    }

    fn of_text(value: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, value.as_bytes()).as_ref());
        Self(hash)
    }
}

/// In time that does not depend on where they differ.
impl PartialEq for FingerprintHash {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Display for FingerprintHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = self.0.split_at(16);
        [high, low]
            .into_iter()
            .filter_map(|half| half.try_into().ok())
            .try_for_each(|half| write!(f, "{:032x}", u128::from_be_bytes(half)))
    }
}

impl fmt::Debug for FingerprintHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FingerprintHash {
    type Err = FingerprintError;

    fn from_str(hex: &str) -> Result<Self, FingerprintError> {
        Self::from_hex(hex)
    }
}

impl Serialize for FingerprintHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FingerprintHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::deserialize(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_text() {
        let hash = FingerprintHash::from_bytes([0xab; 32]);
        assert_eq!(FingerprintHash::from_hex(&"ab".repeat(32)), Ok(hash));
        assert_eq!(hash.to_string(), "ab".repeat(32));
        for bad in ["", "AB", "zz", "+b", "a"] {
            assert!(FingerprintHash::from_hex(&bad.repeat(32)).is_err(), "{bad}");
        }
        assert!(FingerprintHash::from_hex(&"ab".repeat(33)).is_err());
        assert_ne!(hash, FingerprintHash::from_bytes([0xac; 32]));
    }

    #[test]
    fn the_text_of_a_cookie_has_the_hash_of_the_cookie() {
        let text = "A".repeat(43);
        assert_eq!(
            FingerprintHash::of_cookie(&text),
            FingerprintCookie::parse(&text).map(|cookie| cookie.hash())
        );
        for bad in [&"A".repeat(42), &"A".repeat(44), &format!("{}B", "A".repeat(42)), ""] {
            assert!(FingerprintHash::of_cookie(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cookie_does_not_print() {
        let cookie = FingerprintCookie::parse(&"A".repeat(43)).unwrap();
        assert_eq!(format!("{cookie:?}"), "FingerprintCookie(Secret(..))");
    }
}
