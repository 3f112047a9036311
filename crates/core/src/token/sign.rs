use std::borrow::Cow;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::base64url::BASE64URL;
use super::header::header_part;
use super::keys::SharedKey;
use super::{ACCESS_TOKEN_TYP, Algorithm, Claims, ClaimsError, KeyError, MAX_ACCESS_TOKEN, PublicKey};

/// How long a line of PEM is.
const PEM_LINE: usize = 64;

/// A private key, parsed once, with the header of its tokens.
pub struct SigningKey {
    pair: Pair,
    kid: String,
    header: String,
}

enum Pair {
    EdDsa(Ed25519KeyPair, PublicKey),
    Es256(EcdsaKeyPair, PublicKey),
    Hs256(SharedKey, Zeroizing<Vec<u8>>),
    Rs256(RsaKeyPair, PublicKey),
}

/// Why a token was not signed, or a key not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The claims break a rule.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Crypto,
    /// The token would be longer than verifiers read.
    #[error("the token would be longer than {MAX_ACCESS_TOKEN} bytes")]
    Size,
}

impl From<Unspecified> for SignError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`SignError::Crypto`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, SignError> {
        let bytes = match algorithm {
            Algorithm::EdDsa => zeroizing(Ed25519KeyPair::generate_pkcs8v1(&random())?),
            Algorithm::Es256 => {
                zeroizing(EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random())?)
            }
            Algorithm::Hs256 => {
                let mut secret = Zeroizing::new(vec![0; 32]);
                random().fill(&mut secret)?;
                secret
            }
            Algorithm::Rs256 => rsa_bytes(&RsaKeyPair::generate(KeySize::Rsa2048)?)?,
        };
        Self::from_bytes(algorithm, &bytes).map_err(|_| SignError::Crypto)
    }

    /// The key that [`to_bytes`](Self::to_bytes) wrote: PKCS #8, or for HS256 the secret itself.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] if it is no key of this algorithm, [`KeyError::Weak`] if it is too short.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        let pair = match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(bytes).map_err(|_| KeyError::Rejected)?;
                let public = PublicKey::from_numbers(algorithm, |_| pair.public_key().as_ref())?;
                Pair::EdDsa(pair, public)
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes)
                    .map_err(|_| KeyError::Rejected)?;
                // 0x04, then both coordinates: SEC 1, section 2.3.3.
                let [0x04, coordinates @ ..] = pair.public_key().as_ref() else {
                    return Err(KeyError::Rejected);
                };
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                let public = PublicKey::from_numbers(algorithm, |name| if name == "x" { x } else { y })?;
                Pair::Es256(pair, public)
            }
            Algorithm::Hs256 => Pair::Hs256(SharedKey::new(bytes, None)?, Zeroizing::new(bytes.to_vec())),
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(bytes).map_err(|_| KeyError::Rejected)?;
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let public = PublicKey::from_numbers(algorithm, |name| {
                    if name == "n" { &n } else { &e }.big_endian_without_leading_zero()
                })?;
                Pair::Rs256(pair, public)
            }
        };
        let kid = match &pair {
            Pair::EdDsa(_, public) | Pair::Es256(_, public) | Pair::Rs256(_, public) => public.kid(),
            Pair::Hs256(shared, _) => shared.kid(),
        };
        Ok(Self { kid: kid.to_owned(), header: header_part(algorithm, kid, ACCESS_TOKEN_TYP), pair })
    }

    /// The private key, to be encrypted and stored: PKCS #8, or for HS256 the secret itself.
    ///
    /// # Errors
    /// [`SignError::Crypto`].
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, SignError> {
        Ok(match &self.pair {
            Pair::EdDsa(pair, _) => zeroizing(pair.to_pkcs8v1()?),
            Pair::Es256(pair, _) => zeroizing(pair.to_pkcs8v1()?),
            Pair::Hs256(_, secret) => secret.clone(),
            Pair::Rs256(pair, _) => rsa_bytes(pair)?,
        })
    }

    /// The only algorithm that this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::EdDsa(..) => Algorithm::EdDsa,
            Pair::Es256(..) => Algorithm::Es256,
            Pair::Hs256(..) => Algorithm::Hs256,
            Pair::Rs256(..) => Algorithm::Rs256,
        }
    }

    /// The name in token headers: the key's thumbprint ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half; an HS256 secret has none.
    pub fn public(&self) -> Option<&PublicKey> {
        match &self.pair {
            Pair::EdDsa(_, public) | Pair::Es256(_, public) | Pair::Rs256(_, public) => Some(public),
            Pair::Hs256(..) => None,
        }
    }

    /// The public half as PEM ([RFC 7468, section 13](https://www.rfc-editor.org/rfc/rfc7468#section-13)), for programs
    /// that read no JWKS; an HS256 secret has none.
    ///
    /// # Errors
    /// [`SignError::Crypto`].
    pub fn public_pem(&self) -> Result<Option<String>, SignError> {
        let der: PublicKeyX509Der<'_> = match &self.pair {
            Pair::EdDsa(pair, _) => pair.public_key().as_der()?,
            Pair::Es256(pair, _) => pair.public_key().as_der()?,
            Pair::Rs256(pair, _) => pair.public_key().as_der()?,
            Pair::Hs256(..) => return Ok(None),
        };
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for (at, letter) in BASE64_STANDARD.encode(der.as_ref()).chars().enumerate() {
            if at > 0 && at % PEM_LINE == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        Ok(Some(pem))
    }

    /// A token of these claims, once [`Claims::check`] has passed them. `typ` is `at+jwt` for access tokens.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, claims: &Claims, typ: &str) -> Result<String, SignError> {
        claims.check()?;
        let payload = serde_json::to_vec(claims).map_err(|_| SignError::Crypto)?;
        let header = match typ {
            ACCESS_TOKEN_TYP => Cow::Borrowed(&self.header),
            _ => Cow::Owned(header_part(self.algorithm(), &self.kid, typ)),
        };
        // Room for all: base64 makes 4 bytes of 3, and the longest signature in use is RSA's.
        let mut token = String::with_capacity(header.len() + payload.len() / 3 * 4 + 520);
        token.push_str(&header);
        token.push('.');
        BASE64URL.encode_string(payload, &mut token);
        self.append_signature(&mut token)?;
        if token.len() > MAX_ACCESS_TOKEN { Err(SignError::Size) } else { Ok(token) }
    }

    fn append_signature(&self, token: &mut String) -> Result<(), Unspecified> {
        let signed = token.as_bytes();
        match &self.pair {
            Pair::EdDsa(pair, _) => append(token, pair.try_sign(signed)?),
            Pair::Es256(pair, _) => append(token, pair.sign(&random(), signed)?),
            Pair::Hs256(shared, _) => append(token, shared.sign(signed)),
            Pair::Rs256(pair, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random(), signed, &mut signature)?;
                append(token, signature);
            }
        }
        Ok(())
    }
}

fn append(token: &mut String, signature: impl AsRef<[u8]>) {
    token.push('.');
    BASE64URL.encode_string(signature, token);
}

fn zeroizing(bytes: impl AsRef<[u8]>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(bytes.as_ref().to_vec())
}

fn rsa_bytes(pair: &RsaKeyPair) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let der: Pkcs8V1Der<'_> = pair.as_der()?;
    Ok(zeroizing(der.as_ref()))
}

#[expect(clippy::disallowed_types, reason = "the library signs and makes keys with its own generator only")]
fn random() -> impl SecureRandom {
    aws_lc_rs::rand::SystemRandom::new()
}
