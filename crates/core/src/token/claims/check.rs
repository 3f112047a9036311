//! The issuer's judge: what real Hasura engines and RFC 7519 insist on, before anything is signed.

use super::{ALLOWED_ROLES, Claims, DEFAULT_ROLE, HASURA, HasuraClaims, USER_ID};

/// Names at the top level that `extra` may not take.
pub(super) const RESERVED: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "iat",
    "exp",
    "nbf",
    "jti",
    "sid",
    "cep",
    "client_id",
    "preferred_username",
    HASURA,
];

/// Session variables that are ours, or that a gateway in front of Hasura sets or drops.
const RESERVED_VARIABLES: &[&str] =
    &[USER_ID, DEFAULT_ROLE, ALLOWED_ROLES, "x-hasura-role", "x-hasura-admin-secret"];

/// Why claims may not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// A value with a control character: verifiers hand values on as headers.
    #[error("the value of {0:?} has a control character")]
    ControlCharacter(String),
    /// The default role is not among the allowed roles: Hasura refuses the whole token.
    #[error("the default role is not an allowed role")]
    DefaultRole,
    /// A role twice or an empty one: Hasura v3 refuses the whole token.
    #[error("role {0:?} is empty or comes twice")]
    Role(String),
    /// `exp` is not after `iat`.
    #[error("the token would expire before it is issued")]
    Lifetime,
    /// A name that is ours, set by a template.
    #[error("claim {0:?} is reserved")]
    Reserved(String),
    /// `iss` or `aud` has a colon and is no URI ([RFC 7519, section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)).
    #[error("{0:?} has a colon and is not a URI")]
    Uri(String),
    /// A session variable that is not `x-hasura-` and lower-case letters, digits, `-` or `_`.
    #[error("{0:?} is not the name of a session variable: x-hasura-…, in lower case")]
    Variable(String),
}

impl Claims {
    /// Judges what is about to be signed. `sub` needs no check: the text of an id has no colon.
    ///
    /// # Errors
    /// [`ClaimsError`], the first rule that is broken.
    pub fn check(&self) -> Result<(), ClaimsError> {
        if self.exp <= self.iat {
            return Err(ClaimsError::Lifetime);
        }
        if let Some(text) =
            [&self.iss, &self.aud].into_iter().find(|text| text.contains(':') && !is_uri(text))
        {
            return Err(ClaimsError::Uri(text.to_string()));
        }
        if let Some(name) = self.extra.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(ClaimsError::Reserved(name.clone()));
        }
        self.hasura.check()
    }
}

impl HasuraClaims {
    fn check(&self) -> Result<(), ClaimsError> {
        if !self.allowed_roles.contains(&self.default_role) {
            return Err(ClaimsError::DefaultRole);
        }
        for (at, role) in self.allowed_roles.iter().enumerate() {
            if role.is_empty() || self.allowed_roles.iter().take(at).any(|earlier| earlier == role) {
                return Err(ClaimsError::Role(role.to_string()));
            }
        }
        self.custom.keys().try_for_each(|name| check_variable(name))?;
        let roles = self.allowed_roles.iter().map(|role| (ALLOWED_ROLES, role));
        let custom = self.custom.iter().map(|(name, value)| (name.as_str(), value));
        match roles.chain(custom).chain([(USER_ID, &self.user_id)]).find(|(_, value)| has_control(value)) {
            Some((name, _)) => Err(ClaimsError::ControlCharacter(name.to_owned())),
            None => Ok(()),
        }
    }
}

fn check_variable(name: &str) -> Result<(), ClaimsError> {
    let rest = name.strip_prefix("x-hasura-").unwrap_or_default();
    if rest.is_empty() || !rest.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')) {
        return Err(ClaimsError::Variable(name.to_owned()));
    }
    // Servers that turn headers into variables read `_` as `-`.
    if RESERVED_VARIABLES.contains(&name.replace('_', "-").as_str()) {
        return Err(ClaimsError::Reserved(name.to_owned()));
    }
    Ok(())
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986), as far as parsers that refuse a token differ on it: a
/// scheme, then only characters that a URI may have, brackets only around an address, one fragment.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let rest = match rest.strip_prefix("//[").and_then(|address| address.split_once(']')) {
        Some((address, rest)) if address.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b)) => rest,
        _ => rest,
    };
    let (path, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    scheme_ok && has_uri_characters(path) && has_uri_characters(fragment)
}

fn has_uri_characters(text: &str) -> bool {
    let mut escapes = text.split('%');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&b);
    escapes.next().is_some_and(|start| start.bytes().all(plain))
        && escapes.all(|escape| {
            let (digits, rest) = escape.as_bytes().split_at_checked(2).unwrap_or_default();
            digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit) && rest.iter().copied().all(plain)
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use smol_str::SmolStr;

    use super::*;
    use crate::{SessionId, UserId};

    fn claims() -> Claims {
        Claims {
            iss: "https://auth.example".into(),
            sub: UserId::from_bytes([1; 16]),
            aud: "api".into(),
            iat: 100,
            exp: 101,
            jti: SmolStr::default(),
            sid: SessionId::from_bytes([2; 16]),
            cep: 0,
            client_id: "countersign".into(),
            preferred_username: None,
            hasura: HasuraClaims {
                user_id: "7".into(),
                default_role: "user".into(),
                allowed_roles: vec!["user".into()],
                custom: BTreeMap::new(),
                fingerprint: None,
            },
            extra: serde_json::Map::new(),
        }
    }

    fn check(edit: impl FnOnce(&mut Claims)) -> Result<(), ClaimsError> {
        let mut claims = claims();
        edit(&mut claims);
        claims.check()
    }

    #[test]
    fn good_claims_pass() {
        assert_eq!(claims().check(), Ok(()));
        assert_eq!(check(|claims| claims.aud = "urn:example:api".into()), Ok(()));
        assert_eq!(check(|claims| drop(claims.extra.insert("role".to_owned(), "user".into()))), Ok(()));
    }

    #[test]
    fn a_token_lives_at_least_a_second() {
        assert_eq!(check(|claims| claims.exp = claims.iat), Err(ClaimsError::Lifetime));
    }

    #[test]
    fn roles_are_a_set_with_the_default_in_it() {
        let roles = |roles: &[&str]| {
            check(|claims| claims.hasura.allowed_roles = roles.iter().map(|&role| role.into()).collect())
        };
        assert_eq!(roles(&["editor", "user"]), Ok(()));
        assert_eq!(roles(&[]), Err(ClaimsError::DefaultRole));
        assert_eq!(roles(&["User"]), Err(ClaimsError::DefaultRole));
        assert_eq!(roles(&["user", "editor", "user"]), Err(ClaimsError::Role("user".to_owned())));
        assert_eq!(roles(&["user", ""]), Err(ClaimsError::Role(String::new())));
    }

    #[test]
    fn session_variables_are_in_lower_case_and_not_ours() {
        let variable =
            |name: &str| check(|claims| drop(claims.hasura.custom.insert(name.into(), "1".into())));
        assert_eq!(variable("x-hasura-org_id-2"), Ok(()));
        for name in
            ["X-Hasura-Org", "x-hasura-", "x-hasura-org id", "x-hasura-örg", "org", "", "X-User-Fingerprint"]
        {
            assert_eq!(variable(name), Err(ClaimsError::Variable(name.to_owned())));
        }
        for name in ["x-hasura-user-id", "x-hasura-role", "x-hasura-admin_secret", "x-hasura-allowed_roles"] {
            assert_eq!(variable(name), Err(ClaimsError::Reserved(name.to_owned())));
        }
    }

    #[test]
    fn a_value_never_breaks_a_header_line() {
        let evil = || SmolStr::new("1\r\nX-Hasura-Role: admin");
        for refused in [
            check(|claims| drop(claims.hasura.custom.insert("x-hasura-org".into(), evil()))),
            check(|claims| claims.hasura.user_id = evil()),
            check(|claims| claims.hasura.allowed_roles.push(evil())),
        ] {
            assert!(matches!(refused, Err(ClaimsError::ControlCharacter(_))), "{refused:?}");
        }
    }

    #[test]
    fn extra_claims_take_no_name_of_ours() {
        for name in RESERVED {
            let refused = check(|claims| drop(claims.extra.insert((*name).to_owned(), 1.into())));
            assert_eq!(refused, Err(ClaimsError::Reserved((*name).to_owned())));
        }
    }

    #[test]
    fn what_has_a_colon_is_a_uri() {
        for uri in ["https://a.example:8443/x?y=z#f", "urn:a:b", "http://[::1]:8080", "a:", "a+b-c.d:%41"] {
            assert_eq!(check(|claims| claims.iss = uri.into()), Ok(()), "{uri}");
        }
        for bad in [
            ":", "1a:b", "a b:c", "a:b c", "a:%4", "a:%zz", "a:<b>", "a:[b]", "a://[::1", "a://[x]",
            "a:b#c#d", "a:\\", "ä:b", "a:ä", "a:\n",
        ] {
            assert_eq!(check(|claims| claims.aud = bad.into()), Err(ClaimsError::Uri(bad.to_owned())));
        }
    }
}
