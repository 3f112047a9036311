//! The keys that verify: JSON Web Keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)), parsed once.

mod jwk;
mod public;
mod shared;
#[cfg(test)]
mod tests;

use serde_json::Value;

use self::jwk::Jwk;
pub use self::public::PublicKey;
pub(super) use self::shared::SharedKey;
use super::header::Header;
use super::{Algorithm, json};

/// Why a text is not a key, or not a set of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not one JSON object in which each name comes once.
    #[error("not a strict JSON object")]
    Json,
    /// A member is missing, of the wrong type, or not strict base64url.
    #[error("member {0:?} is missing or malformed")]
    Member(&'static str),
    /// The numbers are no key of their kind, such as a point that is not on the curve.
    #[error("the numbers are not a key of their kind")]
    Rejected,
    /// The key is of a kind or for a use that is not ours.
    #[error("not a key for verifying EdDSA, ES256 or RS256")]
    Unsupported,
    /// An RSA key under 2048 bits or an HS256 secret under 256 bits.
    #[error("the key is too short to be safe")]
    Weak,
}

/// The keys whose signatures count.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    entries: Vec<Entry>,
}

impl KeySet {
    /// The set in a JWKS document.
    ///
    /// Keys of another kind or for another use are left out, so that an issuer can publish new kinds;
    /// secrets (`oct`) are left out too.
    ///
    /// # Errors
    /// [`KeyError`] if the document is not one, or if a key of our kinds is malformed or weak.
    pub fn from_jwks(text: &[u8]) -> Result<Self, KeyError> {
        Self::read(text, false)
    }

    /// [`from_jwks`](Self::from_jwks) with the HS256 secrets: whoever has seen such a document can sign.
    ///
    /// # Errors
    /// As [`KeySet::from_jwks`].
    pub fn danger_from_jwks_with_secrets(text: &[u8]) -> Result<Self, KeyError> {
        Self::read(text, true)
    }

    /// Adds an HS256 secret of at least 32 bytes: whoever verifies with it can also sign.
    ///
    /// # Errors
    /// [`KeyError::Weak`].
    pub fn danger_insert_hs256(&mut self, secret: &[u8]) -> Result<(), KeyError> {
        self.entries.push(Entry { named: true, key: VerifyingKey::Shared(SharedKey::new(secret, None)?) });
        Ok(())
    }

    /// Adds the keys of another set, its secrets too.
    pub fn join(&mut self, others: &Self) {
        self.entries.extend_from_slice(&others.entries);
    }

    /// The public keys, in the order in which they came.
    pub fn public(&self) -> impl Iterator<Item = &PublicKey> {
        self.entries.iter().filter_map(|entry| match &entry.key {
            VerifyingKey::Public(key) => Some(key),
            VerifyingKey::Shared(_) => None,
        })
    }

    /// Whether a token that names `kid` could be verified.
    pub fn contains(&self, kid: &str) -> bool {
        self.named(Some(kid)).next().is_some()
    }

    /// The JWKS document of the public keys. A secret is never in it.
    pub fn to_jwks(&self) -> String {
        serde_json::json!({ "keys": self.public().map(PublicKey::jwk).collect::<Vec<_>>() }).to_string()
    }

    /// The keys that `kid` may mean: those of that name and those that their issuer did not name; without a
    /// name, all.
    pub(super) fn named(&self, kid: Option<&str>) -> impl Iterator<Item = &VerifyingKey> {
        let meant = move |entry: &&Entry| kid.is_none_or(|kid| !entry.named || entry.key.kid() == kid);
        self.entries.iter().filter(meant).map(|entry| &entry.key)
    }

    /// The header whose text is `part`, if tokens of one of these keys have it as a rule.
    pub(super) fn usual_header(&self, part: &str) -> Option<&Header> {
        self.public().find_map(|key| key.usual_header(part))
    }

    fn read(text: &[u8], with_secrets: bool) -> Result<Self, KeyError> {
        let document = json::object(text).map_err(|_| KeyError::Json)?;
        let Some(Value::Array(entries)) = document.get("keys") else {
            return Err(KeyError::Member("keys"));
        };
        let mut set = Self::default();
        for entry in entries {
            let Some(jwk) = Jwk::read(entry.as_object().ok_or(KeyError::Json)?)? else {
                continue;
            };
            let named = jwk.kid.is_some();
            if jwk.algorithm != Algorithm::Hs256 {
                set.entries.push(Entry { named, key: VerifyingKey::Public(jwk.try_into()?) });
            } else if with_secrets {
                set.entries.push(Entry { named, key: VerifyingKey::Shared(jwk.try_into()?) });
            }
        }
        Ok(set)
    }
}

impl Extend<PublicKey> for KeySet {
    fn extend<I: IntoIterator<Item = PublicKey>>(&mut self, keys: I) {
        let entry = |key| Entry { named: true, key: VerifyingKey::Public(key) };
        self.entries.extend(keys.into_iter().map(entry));
    }
}

impl FromIterator<PublicKey> for KeySet {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        let mut set = Self::default();
        set.extend(keys);
        set
    }
}

#[derive(Debug, Clone)]
struct Entry {
    /// Whether the key goes by its name; one that its issuer gave no name may be meant by any.
    named: bool,
    key: VerifyingKey,
}

#[derive(Debug, Clone)]
pub(super) enum VerifyingKey {
    Public(PublicKey),
    Shared(SharedKey),
}

impl VerifyingKey {
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Public(key) => key.algorithm(),
            Self::Shared(_) => Algorithm::Hs256,
        }
    }

    /// Whether this key made `signature` over `signed`.
    pub(super) fn made(&self, signature: &[u8], signed: &[u8]) -> bool {
        match self {
            Self::Public(key) => key.made(signature, signed),
            Self::Shared(key) => key.made(signature, signed),
        }
    }

    fn kid(&self) -> &str {
        match self {
            Self::Public(key) => key.kid(),
            Self::Shared(key) => key.kid(),
        }
    }
}
