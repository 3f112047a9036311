//! Claims as our issuer writes them, read in one walk: the members in their order, without spaces and escapes.
//! Whatever is written otherwise, right or wrong, is nothing to this reader: [`decode`](super::decode) judges it.

use std::collections::BTreeMap;
use std::ops::BitOr;
use std::str::FromStr;

use memchr::memchr;
use smol_str::SmolStr;

use super::check::RESERVED;
use super::{ALLOWED_ROLES, Claims, DEFAULT_ROLE, FINGERPRINT, HasuraClaims, USER_ID};
use crate::token::unverified::around;

/// How many letters an id has, and a fingerprint: nothing is searched for its end.
const ID: usize = 36;
const HASH: usize = 64;

/// The claims in `payload`, if it is written as usual.
pub(super) fn read(payload: &[u8]) -> Option<Claims> {
    // Where these do not occur, a text ends at the next quote and is what it says.
    let special = |byte: &u8| u8::from(*byte < b' ' || *byte == b'\\');
    if payload.iter().map(special).fold(0, BitOr::bitor) != 0 {
        return None;
    }
    let mut rest = Rest(str::from_utf8(payload).ok()?);
    let claims = Claims {
        iss: rest.text(r#"{"iss":""#)?.into(),
        sub: rest.parsed(r#","sub":""#, ID)?,
        aud: rest.text(r#","aud":""#)?.into(),
        iat: rest.number(r#","iat":"#)?,
        exp: rest.number(r#","exp":"#)?,
        jti: rest.text(r#","jti":""#)?.into(),
        sid: rest.parsed(r#","sid":""#, ID)?,
        cep: rest.number(r#","cep":"#)?,
        client_id: rest.text(r#","client_id":""#)?.into(),
        preferred_username: rest.text(r#","preferred_username":""#).map(SmolStr::new),
        hasura: rest.hasura()?,
        extra: rest.further(RESERVED).map(|(name, text)| (name.to_owned(), text.into())).collect(),
    };
    (rest.0 == "}").then_some(claims)
}

/// What was not read yet. A step that fails leaves it as it is.
struct Rest<'p>(&'p str);

impl<'p> Rest<'p> {
    fn skip(&mut self, start: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(start)?;
        Some(())
    }

    /// The text that `start` opens.
    fn text(&mut self, start: &str) -> Option<&'p str> {
        let (text, rest) = to_quote(self.0.strip_prefix(start)?)?;
        self.0 = rest;
        Some(text)
    }

    /// A value whose texts all have this length.
    fn parsed<T: FromStr>(&mut self, start: &str, length: usize) -> Option<T> {
        let (text, rest) = self.0.strip_prefix(start)?.split_at_checked(length)?;
        let (value, rest) = (text.parse().ok()?, rest.strip_prefix('"')?);
        self.0 = rest;
        Some(value)
    }

    fn number(&mut self, start: &str) -> Option<u64> {
        let rest = self.0.strip_prefix(start)?;
        let (mut number, mut length) = (0_u64, 0);
        for digit in rest.bytes().map(|byte| byte.wrapping_sub(b'0')).take_while(|digit| *digit < 10) {
            number = number.checked_mul(10)?.checked_add(digit.into())?;
            length += 1;
        }
        if length == 0 || (length > 1 && rest.starts_with('0')) {
            return None;
        }
        self.0 = rest.get(length..)?;
        Some(number)
    }

    fn hasura(&mut self) -> Option<HasuraClaims> {
        self.skip(r#","https://hasura.io/jwt/claims":{"#)?;
        let user_id = self.text(r#""x-hasura-user-id":""#)?.into();
        let default_role = self.text(r#","x-hasura-default-role":""#)?.into();
        let mut allowed_roles = Vec::with_capacity(4);
        allowed_roles.push(self.text(r#","x-hasura-allowed-roles":[""#)?.into());
        while let Some(role) = self.text(r#",""#) {
            allowed_roles.push(role.into());
        }
        self.skip("]")?;
        let mut custom = BTreeMap::new();
        for (name, text) in self.further(&[USER_ID, DEFAULT_ROLE, ALLOWED_ROLES, FINGERPRINT]) {
            custom.insert(name.into(), text.into());
        }
        let fingerprint = self.parsed(r#","X-User-Fingerprint":""#, HASH);
        self.skip("}")?;
        Some(HasuraClaims { user_id, default_role, allowed_roles, custom, fingerprint })
    }

    /// Members that are texts and have other names than those; in the order of their names, so that none comes
    /// twice.
    fn further(&mut self, taken: &[&str]) -> impl Iterator<Item = (&'p str, &'p str)> {
        let mut last = "";
        std::iter::from_fn(move || {
            let (name, rest) = self.0.strip_prefix(r#",""#).and_then(to_quote)?;
            let (text, rest) = rest.strip_prefix(r#":""#).and_then(to_quote)?;
            if name <= last || taken.contains(&name) {
                return None;
            }
            (self.0, last) = (rest, name);
            Some((name, text))
        })
    }
}

fn to_quote(text: &str) -> Option<(&str, &str)> {
    around(memchr(b'"', text.as_bytes()), text)
}

#[cfg(test)]
mod tests;
