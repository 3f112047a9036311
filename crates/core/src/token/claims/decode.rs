//! Strict decoding: every claim once and of its type, nothing in Hasura's name space that Hasura would skip.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Map;
use smol_str::SmolStr;

use super::{ALLOWED_ROLES, Claims, DEFAULT_ROLE, FINGERPRINT, HASURA, HasuraClaims, USER_ID};
use crate::token::json::{Name, once, other, repeated};

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ClaimsVisitor)
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of an access token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claims, A::Error> {
        let (mut iss, mut sub, mut aud, mut iat, mut exp) = (None, None, None, None, None);
        let (mut jti, mut sid, mut cep, mut client_id) = (None, None, None, None);
        let (mut preferred_username, mut hasura, mut extra) = (None, None, Map::new());
        while let Some(Name(name)) = members.next_key()? {
            match &*name {
                "iss" => once(&mut iss, &name, &mut members)?,
                "sub" => once(&mut sub, &name, &mut members)?,
                "aud" => once(&mut aud, &name, &mut members)?,
                "iat" => once(&mut iat, &name, &mut members)?,
                "exp" => once(&mut exp, &name, &mut members)?,
                "jti" => once(&mut jti, &name, &mut members)?,
                "sid" => once(&mut sid, &name, &mut members)?,
                "cep" => once(&mut cep, &name, &mut members)?,
                "client_id" => once(&mut client_id, &name, &mut members)?,
                "preferred_username" => once(&mut preferred_username, &name, &mut members)?,
                HASURA => once(&mut hasura, &name, &mut members)?,
                _ => other(&mut extra, &name, &mut members)?,
            }
        }
        Ok(Claims {
            iss: iss.ok_or_else(|| A::Error::missing_field("iss"))?,
            sub: sub.ok_or_else(|| A::Error::missing_field("sub"))?,
            aud: aud.ok_or_else(|| A::Error::missing_field("aud"))?,
            iat: iat.ok_or_else(|| A::Error::missing_field("iat"))?,
            exp: exp.ok_or_else(|| A::Error::missing_field("exp"))?,
            jti: jti.ok_or_else(|| A::Error::missing_field("jti"))?,
            sid: sid.ok_or_else(|| A::Error::missing_field("sid"))?,
            cep: cep.ok_or_else(|| A::Error::missing_field("cep"))?,
            client_id: client_id.ok_or_else(|| A::Error::missing_field("client_id"))?,
            preferred_username,
            hasura: hasura.ok_or_else(|| A::Error::missing_field(HASURA))?,
            extra,
        })
    }
}

impl<'de> Deserialize<'de> for HasuraClaims {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(HasuraVisitor)
    }
}

struct HasuraVisitor;

impl<'de> Visitor<'de> for HasuraVisitor {
    type Value = HasuraClaims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims for Hasura")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<HasuraClaims, A::Error> {
        let (mut user_id, mut default_role, mut allowed_roles) = (None, None, None);
        let (mut custom, mut fingerprint) = (BTreeMap::new(), None);
        while let Some(Name(name)) = members.next_key()? {
            match &*name {
                USER_ID => once(&mut user_id, &name, &mut members)?,
                DEFAULT_ROLE => once(&mut default_role, &name, &mut members)?,
                ALLOWED_ROLES => once(&mut allowed_roles, &name, &mut members)?,
                FINGERPRINT => once(&mut fingerprint, &name, &mut members)?,
                _ => {
                    let value = members.next_value()?;
                    if custom.insert(SmolStr::new(&*name), value).is_some() {
                        return Err(repeated(&name));
                    }
                }
            }
        }
        Ok(HasuraClaims {
            user_id: user_id.ok_or_else(|| A::Error::missing_field(USER_ID))?,
            default_role: default_role.ok_or_else(|| A::Error::missing_field(DEFAULT_ROLE))?,
            allowed_roles: allowed_roles.ok_or_else(|| A::Error::missing_field(ALLOWED_ROLES))?,
            custom,
            fingerprint,
        })
    }
}
