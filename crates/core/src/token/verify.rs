use std::ops::Deref;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{ACCESS_TOKEN_TYP, Algorithm, Claims, KeySet, Reject, Unverified, json};
use crate::Timestamp;

/// Something that a signature was verified for: only verification makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<C>(C);

impl<C> Verified<C> {
    /// The content, which from here on is no longer marked as verified.
    pub fn into_inner(self) -> C {
        self.0
    }
}

impl<C> Deref for Verified<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

/// What a verifier insists on in an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// The only `iss`.
    pub issuer: String,
    /// The only `aud`.
    pub audience: String,
    /// The only `typ`, compared as a media type: in any case, and with or without `application/`.
    pub typ: String,
    /// How far the clocks of issuer and verifier may differ.
    pub leeway: Duration,
}

impl Checks {
    /// Tokens of `issuer` for `audience`, of the type `at+jwt`, with 5 seconds of leeway.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            typ: ACCESS_TOKEN_TYP.to_owned(),
            leeway: Duration::from_secs(5),
        }
    }
}

/// What is asked of a token of another issuer; a member that is `None` is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The time at which the token must be valid: it must have `exp` then.
    pub now: Option<Timestamp>,
    /// How far `now` may be off.
    pub leeway: Duration,
    /// The only `iss`.
    pub issuer: Option<String>,
    /// An entry of `aud`, which may be a string or an array of strings.
    pub audience: Option<String>,
    /// The only `typ`, compared as a media type.
    pub typ: Option<String>,
}

impl Unverified<'_> {
    /// Checks the signature, then type, issuer, audience and times, of one of our access tokens.
    ///
    /// The algorithm comes from the key and never from the token: [RFC 8725, section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1).
    ///
    /// # Errors
    /// - [`Reject::KeyMissing`], [`Reject::KeyUnknown`], [`Reject::Algorithm`] if `keys` has no key for it,
    /// - [`Reject::Signature`], [`Reject::Encoding`] if that key did not sign it as it stands,
    /// - [`Reject::Claims`] if the claims are not exactly ours,
    /// - [`Reject::Type`], [`Reject::Issuer`], [`Reject::Audience`] if it is meant for something else,
    /// - [`Reject::Expired`] if `now` is at or after `exp` and the leeway, [`Reject::IssuedInFuture`],
    ///   [`Reject::NotYetValid`].
    pub fn verify(self, keys: &KeySet, checks: &Checks, now: Timestamp) -> Result<Verified<Claims>, Reject> {
        self.kid().ok_or(Reject::KeyMissing)?;
        let payload = self.proven_payload(keys)?;
        let claims = Claims::read(&payload)?;
        check_typ(self.header.typ.as_deref(), &checks.typ)?;
        if claims.iss != checks.issuer {
            return Err(Reject::Issuer);
        }
        if claims.aud != checks.audience {
            return Err(Reject::Audience);
        }
        let times = Times { exp: claims.exp, nbf: integer(&claims.extra, "nbf")?, iat: Some(claims.iat) };
        times.check(now, checks.leeway)?;
        Ok(Verified(claims))
    }

    /// Checks the signature and the header only, by keys whose algorithm is in `allowed`, and answers the
    /// payload, which may be any bytes. A token without `kid` is tried with each key that fits.
    ///
    /// # Errors
    /// [`Reject::Algorithm`], [`Reject::KeyUnknown`], [`Reject::Signature`], [`Reject::Encoding`].
    pub fn verify_jws(self, keys: &KeySet, allowed: &[Algorithm]) -> Result<Verified<Vec<u8>>, Reject> {
        if !allowed.contains(&self.header.algorithm) {
            return Err(Reject::Algorithm);
        }
        self.proven_payload(keys).map(Verified)
    }

    /// [`verify_jws`](Self::verify_jws), then the registered claims ([RFC 7519, section 4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1))
    /// of any issuer's token. Times must be integers.
    ///
    /// # Errors
    /// Those of `verify_jws`, and those of [`verify`](Self::verify) about claims.
    pub fn verify_jwt(
        self,
        keys: &KeySet,
        allowed: &[Algorithm],
        expected: &Expected,
    ) -> Result<Verified<Map<String, Value>>, Reject> {
        let typ = self.header.typ.clone();
        let payload = self.verify_jws(keys, allowed)?;
        let claims = json::object(&payload).map_err(|_| Reject::Claims)?;
        if let Some(wanted) = &expected.typ {
            check_typ(typ.as_deref(), wanted)?;
        }
        let issuer = text(&claims, "iss")?;
        if expected.issuer.is_some() && issuer != expected.issuer.as_deref() {
            return Err(Reject::Issuer);
        }
        let audience = texts(&claims, "aud")?;
        if expected.audience.as_deref().is_some_and(|wanted| !audience.contains(&wanted)) {
            return Err(Reject::Audience);
        }
        let exp = integer(&claims, "exp")?;
        let (nbf, iat) = (integer(&claims, "nbf")?, integer(&claims, "iat")?);
        if let Some(now) = expected.now {
            Times { exp: exp.ok_or(Reject::Claims)?, nbf, iat }.check(now, expected.leeway)?;
        }
        Ok(Verified(claims))
    }
}

impl Verified<Claims> {
    /// Whether a token that was verified before has not expired since: what a cache of verified tokens asks.
    ///
    /// # Errors
    /// [`Reject::Expired`].
    pub fn check_expiry(&self, now: Timestamp, leeway: Duration) -> Result<(), Reject> {
        check_expiry(self.exp, now, leeway)
    }
}

/// Seconds since the epoch, as claims count them.
struct Times {
    exp: u64,
    nbf: Option<u64>,
    iat: Option<u64>,
}

impl Times {
    fn check(&self, now: Timestamp, leeway: Duration) -> Result<(), Reject> {
        check_expiry(self.exp, now, leeway)?;
        let in_future = |seconds: u64| Timestamp::from_secs(seconds) > now.plus(leeway);
        if self.nbf.is_some_and(in_future) {
            return Err(Reject::NotYetValid);
        }
        if self.iat.is_some_and(in_future) {
            return Err(Reject::IssuedInFuture);
        }
        Ok(())
    }
}

// "On or after" is expired: RFC 7519, section 4.1.4.
fn check_expiry(exp: u64, now: Timestamp, leeway: Duration) -> Result<(), Reject> {
    if now < Timestamp::from_secs(exp).plus(leeway) { Ok(()) } else { Err(Reject::Expired) }
}

// RFC 7515, section 4.1.9: a media type, whose "application/" may be left out.
fn check_typ(typ: Option<&str>, wanted: &str) -> Result<(), Reject> {
    let matches = typ.is_some_and(|typ| bare_type(typ).eq_ignore_ascii_case(bare_type(wanted)));
    if matches { Ok(()) } else { Err(Reject::Type) }
}

fn bare_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}

fn integer(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, Reject> {
    claims.get(name).map(|value| value.as_u64().ok_or(Reject::Claims)).transpose()
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Result<Option<&'c str>, Reject> {
    claims.get(name).map(|value| value.as_str().ok_or(Reject::Claims)).transpose()
}

fn texts<'c>(claims: &'c Map<String, Value>, name: &str) -> Result<Vec<&'c str>, Reject> {
    match claims.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or(Reject::Claims)).collect(),
        Some(_) => Err(Reject::Claims),
    }
}
