use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Map;

use super::json::{Name, once, other};
use super::{Algorithm, Reject};

/// What we read of a header ([RFC 7515, section 4.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1)).
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
