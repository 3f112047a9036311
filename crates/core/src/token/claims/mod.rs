//! What an access token says.

mod check;
mod decode;
mod usual;

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use smol_str::SmolStr;

pub use self::check::ClaimsError;
use super::{FingerprintHash, Reject};
use crate::{SessionId, UserId};

/// The member under which Hasura looks for its claims.
const HASURA: &str = "https://hasura.io/jwt/claims";
const USER_ID: &str = "x-hasura-user-id";
const DEFAULT_ROLE: &str = "x-hasura-default-role";
const ALLOWED_ROLES: &str = "x-hasura-allowed-roles";
const FINGERPRINT: &str = "X-User-Fingerprint";

/// The claims of an access token. Times are in seconds since the epoch; a [`SmolStr`] is a text that cannot change,
/// and holds a short one in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// Who issued it: the issuer's URL.
    pub iss: SmolStr,
    /// The user.
    pub sub: UserId,
    /// Whom it is for: one name.
    pub aud: SmolStr,
    /// When it was issued, rounded down.
    pub iat: u64,
    /// From when on it is expired.
    pub exp: u64,
    /// The token's own name.
    pub jti: SmolStr,
    /// The session that it belongs to.
    pub sid: SessionId,
    /// The user's claims epoch: a verifier refuses a smaller one than was announced.
    pub cep: u64,
    /// The client that it was issued to ([RFC 9068, section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)).
    pub client_id: SmolStr,
    /// The user name, for display only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<SmolStr>,
    /// What Hasura reads.
    #[serde(rename = "https://hasura.io/jwt/claims")]
    pub hasura: HasuraClaims,
    /// Further claims at the top level, from templates; PostgREST's `role` is one.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The claims in Hasura's name space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HasuraClaims {
    /// `x-hasura-user-id`.
    pub user_id: SmolStr,
    /// `x-hasura-default-role`.
    pub default_role: SmolStr,
    /// `x-hasura-allowed-roles`.
    pub allowed_roles: Vec<SmolStr>,
    /// Further session variables: full names (`x-hasura-org-id`) and their values.
    pub custom: BTreeMap<SmolStr, SmolStr>,
    /// `X-User-Fingerprint`: the hash of the cookie that must come along.
    pub fingerprint: Option<FingerprintHash>,
}

impl Claims {
    /// The claims in a payload.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reject> {
        usual::read(payload).map_or_else(|| serde_json::from_slice(payload).map_err(|_| Reject::Claims), Ok)
    }
}

impl Serialize for HasuraClaims {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut members = to.serialize_map(None)?;
        members.serialize_entry(USER_ID, &self.user_id)?;
        members.serialize_entry(DEFAULT_ROLE, &self.default_role)?;
        members.serialize_entry(ALLOWED_ROLES, &self.allowed_roles)?;
        for (name, value) in &self.custom {
            members.serialize_entry(name, value)?;
        }
        if let Some(fingerprint) = &self.fingerprint {
            members.serialize_entry(FINGERPRINT, fingerprint)?;
        }
        members.end()
    }
}
