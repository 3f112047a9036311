use std::borrow::Cow;

use base64::Engine;
use memchr::{memchr, memrchr};

use super::base64url::BASE64URL;
use super::header::Header;
use super::{KeySet, Reject};

/// The longest text, in bytes, that can be one of our access tokens.
pub const MAX_ACCESS_TOKEN: usize = 8 * 1024;

/// The longest text, in bytes, that is read as a token of somebody else.
pub const MAX_FOREIGN_TOKEN: usize = 4 * 1024 * 1024;

/// A token whose form and header were read and whose signature was not: it offers its key's name, and
/// nothing of the payload.
pub struct Unverified<'t> {
    pub(super) header: Cow<'t, Header>,
    signed: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// Reads the form and the header of one of our access tokens, at most [`MAX_ACCESS_TOKEN`] bytes.
    ///
    /// # Errors
    /// - [`Reject::Size`], [`Reject::Form`], [`Reject::Encoding`] for a text that is not three parts of strict
    ///   base64url ([RFC 7515, section 7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)),
    /// - [`Reject::Header`], [`Reject::Algorithm`], [`Reject::Critical`], [`Reject::EmbeddedKey`] for a header
    ///   that no token of ours has.
    pub fn parse(token: &'t str) -> Result<Self, Reject> {
        Self::parse_within(MAX_ACCESS_TOKEN, token, read)
    }

    /// The same by somebody who has the keys: the header that their tokens have as a rule is compared with the
    /// token's, and not read again.
    ///
    /// # Errors
    /// As [`Unverified::parse`].
    pub fn parse_by(keys: &'t KeySet, token: &'t str) -> Result<Self, Reject> {
        Self::parse_within(MAX_ACCESS_TOKEN, token, |part| match keys.usual_header(part) {
            Some(header) => Ok(Cow::Borrowed(header)),
            None => read(part),
        })
    }

    /// The same for a token of another issuer, at most [`MAX_FOREIGN_TOKEN`] bytes.
    ///
    /// # Errors
    /// As [`Unverified::parse`].
    pub fn parse_foreign(token: &'t str) -> Result<Self, Reject> {
        Self::parse_within(MAX_FOREIGN_TOKEN, token, read)
    }

    fn parse_within(
        limit: usize,
        token: &'t str,
        header: impl FnOnce(&str) -> Result<Cow<'t, Header>, Reject>,
    ) -> Result<Self, Reject> {
        if token.len() > limit {
            return Err(Reject::Size);
        }
        let (signed, signature) = around(memrchr(b'.', token.as_bytes()), token).ok_or(Reject::Form)?;
        let (first, payload) = around(memchr(b'.', signed.as_bytes()), signed).ok_or(Reject::Form)?;
        if memchr(b'.', payload.as_bytes()).is_some() {
            return Err(Reject::Form);
        }
        Ok(Self { header: header(first)?, signed, payload, signature: decode(signature)? })
    }

    /// The name of the key that is said to have signed this: a hint where to look, and not yet true.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The bytes of the payload, once a key of `keys` has proven them.
    pub(super) fn proven_payload(&self, keys: &KeySet) -> Result<Vec<u8>, Reject> {
        let mut named = keys.named(self.kid()).peekable();
        named.peek().ok_or(Reject::KeyUnknown)?;
        let mut fitting = named.filter(|key| key.algorithm() == self.header.algorithm).peekable();
        fitting.peek().ok_or(Reject::Algorithm)?;
        if fitting.any(|key| key.made(&self.signature, self.signed.as_bytes())) {
            decode(self.payload)
        } else {
            Err(Reject::Signature)
        }
    }
}

/// What stands before the letter at `at`, and what after it.
pub(super) fn around(at: Option<usize>, text: &str) -> Option<(&str, &str)> {
    let (before, after) = text.split_at_checked(at?)?;
    Some((before, after.get(1..)?))
}

fn read<'h>(part: &str) -> Result<Cow<'h, Header>, Reject> {
    Header::parse(&decode(part)?).map(Cow::Owned)
}

fn decode(part: &str) -> Result<Vec<u8>, Reject> {
    BASE64URL.decode(part).map_err(|_| Reject::Encoding)
}
