use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
#[cfg(feature = "issuer")]
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;

use super::KeyError;
use super::jwk::{Jwk, Members};
use crate::token::header::{Header, UsualHeader};
use crate::token::{Algorithm, json};

/// A public key that verifies with one algorithm.
#[derive(Debug, Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    kid: String,
    usual: UsualHeader,
    members: Members,
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// The key in a JSON Web Key.
    ///
    /// # Errors
    /// [`KeyError`]: strict about every member that it reads.
    pub fn from_jwk(text: &[u8]) -> Result<Self, KeyError> {
        let object = json::object(text).map_err(|_| KeyError::Json)?;
        Jwk::read(&object)?.ok_or(KeyError::Unsupported)?.try_into()
    }

    /// The key as a JSON Web Key of plain members: `kty`, `kid`, `use`, `alg` and the key's own.
    pub fn to_jwk(&self) -> String {
        serde_json::json!(self.jwk()).to_string()
    }

    /// The only algorithm that this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name in token headers: what the issuer called it, or else its thumbprint
    /// ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)). Our own keys are always called by their thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key of these numbers, named by its thumbprint.
    #[cfg(feature = "issuer")]
    pub(in crate::token) fn from_numbers<'n>(
        algorithm: Algorithm,
        number: impl Fn(&'static str) -> &'n [u8],
    ) -> Result<Self, KeyError> {
        let members = Members::new(algorithm, |name| Ok(BASE64_URL_SAFE_NO_PAD.encode(number(name))))?;
        Jwk { algorithm, kid: None, members }.try_into()
    }

    pub(super) fn jwk(&self) -> PlainJwk<'_> {
        PlainJwk { kid: &self.kid, usage: "sig", alg: self.algorithm, own: &self.members.0 }
    }

    /// The header whose text is `part`, if it is the one that this key's tokens have as a rule.
    pub(super) fn usual_header(&self, part: &str) -> Option<&Header> {
        (self.usual.part == part).then_some(&self.usual.header)
    }

    pub(super) fn made(&self, signature: &[u8], signed: &[u8]) -> bool {
        match self.algorithm {
            // Hashed apart, which the library does with less ado.
            Algorithm::Es256 | Algorithm::Rs256 => {
                self.parsed.verify_digest_sig(&digest(&SHA256, signed), signature)
            }
            _ => self.parsed.verify_sig(signed, signature),
        }
        .is_ok()
    }
}

impl TryFrom<Jwk<'_>> for PublicKey {
    type Error = KeyError;

    fn try_from(jwk: Jwk<'_>) -> Result<Self, KeyError> {
        let Jwk { algorithm, kid, members } = jwk;
        let parsed = match algorithm {
            Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, fixed(&members, "x")?),
            Algorithm::Es256 => {
                let (x, y) = (fixed(&members, "x")?, fixed(&members, "y")?);
                let point = [[0x04].as_slice(), &x, &y].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            }
            Algorithm::Rs256 => {
                let (n, e) = (members.bytes("n")?, members.bytes("e")?);
                check_rsa(&n, &e)?;
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
            Algorithm::Hs256 => return Err(KeyError::Unsupported),
        };
        let parsed = parsed.map_err(|_| KeyError::Rejected)?;
        let kid = kid.map_or_else(|| members.thumbprint(), str::to_owned);
        Ok(Self { usual: UsualHeader::new(algorithm, &kid), algorithm, kid, members, parsed })
    }
}

#[derive(Serialize)]
pub(super) struct PlainJwk<'k> {
    kid: &'k str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: Algorithm,
    #[serde(flatten)]
    own: &'k BTreeMap<&'static str, String>,
}

/// A coordinate or a whole Ed25519 key: always 32 bytes (RFC 7518, section 6.2.1.2; RFC 8037, section 2).
fn fixed(members: &Members, name: &'static str) -> Result<[u8; 32], KeyError> {
    members.bytes(name)?.try_into().map_err(|_| KeyError::Member(name))
}

/// Both numbers without leading zeros (RFC 7518, section 6.3.1); n of 2048 to 8192 bits; e odd, 3 to 2^33.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let bits = |number: &[u8]| match number.first() {
        None | Some(0) => None,
        Some(first) => Some(number.len() * 8 - first.leading_zeros() as usize),
    };
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let n_bits = bits(n).ok_or(KeyError::Member("n"))?;
    let e_bits = bits(e).ok_or(KeyError::Member("e"))?;
    if n_bits < 2048 {
        return Err(KeyError::Weak);
    }
    if n_bits > 8192 || !odd(n) || !(2..=33).contains(&e_bits) || !odd(e) {
        return Err(KeyError::Rejected);
    }
    Ok(())
}
