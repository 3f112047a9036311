use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Map;

use super::json::{Name, once, other};
use super::{ACCESS_TOKEN_TYP, Algorithm, Reject};

/// What we read of a header ([RFC 7515, section 4.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

impl Header {
    pub(super) fn parse(json: &[u8]) -> Result<Self, Reject> {
        let Members { alg, kid, typ, refused } = serde_json::from_slice(json).map_err(|_| Reject::Header)?;
        if let Some(reject) = refused {
            return Err(reject);
        }
        let algorithm = alg.ok_or(Reject::Header)?.parse().map_err(|_| Reject::Algorithm)?;
        Ok(Self { algorithm, kid, typ })
    }
}

/// The header that a key's access tokens have as a rule, and its text: who finds that text need not read it.
#[derive(Debug, Clone)]
pub(super) struct UsualHeader {
    pub(super) part: String,
    pub(super) header: Header,
}

impl UsualHeader {
    pub(super) fn new(algorithm: Algorithm, kid: &str) -> Self {
        let header = Header { algorithm, kid: Some(kid.to_owned()), typ: Some(ACCESS_TOKEN_TYP.to_owned()) };
        Self { part: header_part(algorithm, kid, ACCESS_TOKEN_TYP), header }
    }
}

/// The first part of a token.
pub(super) fn header_part(alg: Algorithm, kid: &str, typ: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!({ "alg": alg, "kid": kid, "typ": typ }).to_string())
}

#[derive(Default)]
struct Members {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    refused: Option<Reject>,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
        let mut header = Members::default();
        let mut others = Map::new();
        while let Some(Name(name)) = members.next_key()? {
            match &*name {
                "alg" => once(&mut header.alg, &name, &mut members)?,
                "kid" => once(&mut header.kid, &name, &mut members)?,
                "typ" => once(&mut header.typ, &name, &mut members)?,
                _ => other(&mut others, &name, &mut members)?,
            }
            match &*name {
                "b64" | "crit" => header.refused = Some(Reject::Critical),
                "jku" | "jwk" | "x5c" | "x5u" => header.refused = Some(Reject::EmbeddedKey),
                _ => {}
            }
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_header_is_what_its_text_says() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
            let usual = UsualHeader::new(algorithm, "a \"name\" of any issuer: ä");
            let read = Header::parse(&BASE64_URL_SAFE_NO_PAD.decode(&usual.part).unwrap());
            assert_eq!(read, Ok(usual.header));
        }
    }
}
