//! Tokens of any header and payload, signed by another library: what an attacker or a careless issuer makes.

use std::error::Error;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use countersign_core::token::{Algorithm, SigningKey};
use jsonwebtoken::EncodingKey;

pub(crate) struct Forge {
    key: EncodingKey,
    algorithm: jsonwebtoken::Algorithm,
}

impl Forge {
    pub(crate) fn new(key: &SigningKey) -> Result<Self, Box<dyn Error>> {
        let bytes = key.to_bytes()?;
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(&bytes)
        );
        Ok(match key.algorithm() {
            Algorithm::EdDsa => Self {
                key: EncodingKey::from_ed_pem(pem.as_bytes())?,
                algorithm: jsonwebtoken::Algorithm::EdDSA,
            },
            Algorithm::Es256 => Self {
                key: EncodingKey::from_ec_pem(pem.as_bytes())?,
                algorithm: jsonwebtoken::Algorithm::ES256,
            },
            Algorithm::Rs256 => Self {
                key: EncodingKey::from_rsa_pem(pem.as_bytes())?,
                algorithm: jsonwebtoken::Algorithm::RS256,
            },
            _ => Self::shared(&bytes),
        })
    }

    pub(crate) fn shared(secret: &[u8]) -> Self {
        Self { key: EncodingKey::from_secret(secret), algorithm: jsonwebtoken::Algorithm::HS256 }
    }

    pub(crate) fn token(&self, header: &str, payload: &[u8]) -> Result<String, Box<dyn Error>> {
        let signed = [header.as_bytes(), payload].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, self.algorithm)?;
        Ok(format!("{signed}.{signature}"))
    }
}
