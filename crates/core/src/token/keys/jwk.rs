use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::KeyError;
use crate::token::Algorithm;

/// A key of one of our kinds, for verifying, as its JSON says it.
pub(super) struct Jwk<'j> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<&'j str>,
    pub(super) members: Members,
}

impl<'j> Jwk<'j> {
    /// `None` if the key is of another kind or for another use ([RFC 7517, section 4](https://www.rfc-editor.org/rfc/rfc7517#section-4)).
    pub(super) fn read(jwk: &'j Map<String, Value>) -> Result<Option<Self>, KeyError> {
        let kty = text(jwk, "kty")?.ok_or(KeyError::Member("kty"))?;
        let crv = text(jwk, "crv")?;
        let is_kind = |&&algorithm: &&Algorithm| {
            let shape = Shape::of(algorithm);
            shape.kty == kty && (shape.crv.is_none() || shape.crv == crv)
        };
        let Some(&algorithm) = Algorithm::ALL.iter().find(is_kind) else {
            return Ok(None);
        };
        if !is_for(algorithm, jwk)? {
            return Ok(None);
        }
        let number = |name| text(jwk, name)?.map(str::to_owned).ok_or(KeyError::Member(name));
        Ok(Some(Self { algorithm, kid: text(jwk, "kid")?, members: Members::new(algorithm, number)? }))
    }
}

/// How a key of an algorithm is written ([RFC 7518, section 6](https://www.rfc-editor.org/rfc/rfc7518#section-6),
/// [RFC 8037, section 2](https://www.rfc-editor.org/rfc/rfc8037#section-2)).
struct Shape {
    kty: &'static str,
    crv: Option<&'static str>,
    numbers: &'static [&'static str],
}

impl Shape {
    const fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self { kty: "OKP", crv: Some("Ed25519"), numbers: &["x"] },
            Algorithm::Es256 => Self { kty: "EC", crv: Some("P-256"), numbers: &["x", "y"] },
            Algorithm::Hs256 => Self { kty: "oct", crv: None, numbers: &["k"] },
            Algorithm::Rs256 => Self { kty: "RSA", crv: None, numbers: &["n", "e"] },
        }
    }
}

/// The members that make the key: exactly those of which RFC 7638 takes the hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Members(pub(super) BTreeMap<&'static str, String>);

impl Members {
    /// The members of a key, given its numbers in base64url.
    pub(super) fn new<E>(
        algorithm: Algorithm,
        mut number: impl FnMut(&'static str) -> Result<String, E>,
    ) -> Result<Self, E> {
        let shape = Shape::of(algorithm);
        let kind = [("kty", Some(shape.kty)), ("crv", shape.crv)];
        let kind = kind.into_iter().filter_map(|(name, text)| Some(Ok((name, text?.to_owned()))));
        let numbers = shape.numbers.iter().map(|&name| Ok((name, number(name)?)));
        kind.chain(numbers).collect::<Result<_, _>>().map(Self)
    }

    /// The bytes that `name` spells in base64url.
    pub(super) fn bytes(&self, name: &'static str) -> Result<Vec<u8>, KeyError> {
        let text = self.0.get(name).ok_or(KeyError::Member(name))?;
        BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Member(name))
    }

    /// The name that anybody computes alike for this key: [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638).
    pub(super) fn thumbprint(&self) -> String {
        // The members are in alphabetical order and, once parsed, hold nothing that JSON would escape.
        let members: Vec<_> = self.0.iter().map(|(name, text)| format!("\"{name}\":\"{text}\"")).collect();
        thumbprint(&format!("{{{}}}", members.join(",")))
    }
}

/// The hash of a key's canonical JSON.
pub(super) fn thumbprint(canonical: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

/// Whether `alg`, `use` and `key_ops`, which may be absent, allow verifying with `algorithm`.
fn is_for(algorithm: Algorithm, jwk: &Map<String, Value>) -> Result<bool, KeyError> {
    let named = match text(jwk, "alg")? {
        // RFC 9864 has this name for what we call EdDSA.
        Some("Ed25519") => algorithm == Algorithm::EdDsa,
        Some(name) => name == algorithm.name(),
        None => true,
    };
    let used = text(jwk, "use")?.is_none_or(|name| name == "sig");
    Ok(named && used && may_verify(jwk)?)
}

fn may_verify(jwk: &Map<String, Value>) -> Result<bool, KeyError> {
    const NAME: &str = "key_ops";
    let Some(operations) = jwk.get(NAME) else {
        return Ok(true);
    };
    let operations = operations.as_array().ok_or(KeyError::Member(NAME))?;
    let names = operations
        .iter()
        .map(|name| name.as_str().ok_or(KeyError::Member(NAME)))
        .collect::<Result<BTreeSet<_>, _>>()?;
    if names.len() == operations.len() { Ok(names.contains("verify")) } else { Err(KeyError::Member(NAME)) }
}

fn text<'j>(jwk: &'j Map<String, Value>, name: &'static str) -> Result<Option<&'j str>, KeyError> {
    jwk.get(name).map(|value| value.as_str().ok_or(KeyError::Member(name))).transpose()
}
