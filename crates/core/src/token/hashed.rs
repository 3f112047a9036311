use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use memchr::memrchr;

use super::Reject;
use super::unverified::{MAX_ACCESS_TOKEN, around};

/// The text of one of our access tokens, and the SHA-256 of what its signature covers. ES256 and RS256 sign that
/// hash: who remembers tokens by it computes it once.
pub struct Hashed<'t> {
    pub(super) signed: &'t str,
    pub(super) signature: &'t str,
    pub(super) digest: Digest,
}

impl<'t> Hashed<'t> {
    /// Hashes a token in which nothing was read yet.
    ///
    /// # Errors
    /// [`Reject::Size`], [`Reject::Form`].
    pub fn of(token: &'t str) -> Result<Self, Reject> {
        if token.len() > MAX_ACCESS_TOKEN {
            return Err(Reject::Size);
        }
        let (signed, signature) = around(memrchr(b'.', token.as_bytes()), token).ok_or(Reject::Form)?;
        Ok(Self { signed, signature, digest: digest(&SHA256, signed.as_bytes()) })
    }

    /// The hash of header and payload: 32 bytes.
    pub fn hash(&self) -> &[u8] {
        self.digest.as_ref()
    }

    /// The last part.
    pub fn signature(&self) -> &'t str {
        self.signature
    }

    /// Whether the last part is `signature`, in time that does not depend on where they differ: a signature could
    /// be guessed byte by byte otherwise.
    pub fn has_signature(&self, signature: &str) -> bool {
        verify_slices_are_equal(self.signature.as_bytes(), signature.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_all_but_the_signature() {
        let (Ok(one), Ok(other)) = (Hashed::of("a.b.c"), Hashed::of("a.b.d")) else { unreachable!() };
        assert_eq!(one.hash(), digest(&SHA256, b"a.b").as_ref());
        assert_eq!(one.hash(), other.hash());
        assert!(one.has_signature("c") && !one.has_signature("d") && !one.has_signature(""));
    }

    #[test]
    fn what_is_no_token_is_not_hashed() {
        assert_eq!(Hashed::of("abc").err(), Some(Reject::Form));
        assert_eq!(Hashed::of(&".".repeat(MAX_ACCESS_TOKEN + 1)).err(), Some(Reject::Size));
    }
}
