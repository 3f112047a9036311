use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::KeyError;
use super::jwk::{Jwk, thumbprint};

/// The shortest secret for HS256, in bytes: [RFC 7518, section 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2).
const MIN_SECRET: usize = 32;

/// An HS256 secret: it verifies, and whoever has it can sign.
#[derive(Debug, Clone)]
pub(in crate::token) struct SharedKey {
    kid: String,
    key: Box<hmac::Key>,
}

impl SharedKey {
    /// The key of `secret`; its thumbprint is its name if it has none.
    pub(in crate::token) fn new(secret: &[u8], kid: Option<&str>) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET {
            return Err(KeyError::Weak);
        }
        let own_name = || {
            let k = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(secret));
            thumbprint(&Zeroizing::new(format!(r#"{{"k":"{}","kty":"oct"}}"#, *k)))
        };
        Ok(Self {
            kid: kid.map_or_else(own_name, str::to_owned),
            key: Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)),
        })
    }

    pub(in crate::token) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn made(&self, signature: &[u8], signed: &[u8]) -> bool {
        hmac::verify(&self.key, signed, signature).is_ok()
    }

    #[cfg(feature = "issuer")]
    pub(in crate::token) fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, message)
    }
}

impl TryFrom<Jwk<'_>> for SharedKey {
    type Error = KeyError;

    fn try_from(jwk: Jwk<'_>) -> Result<Self, KeyError> {
        Self::new(&jwk.members.bytes("k")?, jwk.kid)
    }
}
