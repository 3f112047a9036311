//! Requests that show an access token to the auth server itself.

use std::time::Duration;

use countersign_core::Code;
use countersign_core::token::{Checks, Claims, FingerprintCookie, Unverified, Verified};

use super::{App, Error};
use crate::config::Settings;
use crate::store::Held;

/// Differences of clocks that are forgiven.
pub(super) const LEEWAY: Duration = Duration::from_secs(5);

/// A request whose access token and fingerprint cookie have been checked, and whose session lives.
pub struct Authenticated(Held);

impl Authenticated {
    /// The session and its user.
    pub const fn held(&self) -> &Held {
        &self.0
    }
}

impl App {
    /// Checks an access token, its fingerprint cookie, and that its session has not ended.
    ///
    /// # Errors
    /// The code of a verifier; [`Code::SessionEnded`] with the reason; [`Code::ClaimsStale`].
    pub async fn authenticate(
        &self,
        token: Option<&str>,
        fingerprint: Option<&FingerprintCookie>,
    ) -> Result<Authenticated, Error> {
        let token = token.ok_or(Error::Code(Code::NoSession))?;
        self.standing(&*self.verify(token, fingerprint, LEEWAY)?).await
    }

    /// That the session of claims which have been verified has not ended, and that they are not out of date.
    ///
    /// # Errors
    /// [`Code::SessionEnded`] with the reason; [`Code::ClaimsStale`].
    pub async fn standing(&self, claims: &Claims) -> Result<Authenticated, Error> {
        let held = self.held_of(claims).await?;
        if let Some(reason) = held.session.over(self.now()) {
            return Err(Error::Ended(Some(reason)));
        }
        if claims.cep < held.user.claims_epoch {
            return Err(Error::Code(Code::ClaimsStale));
        }
        Ok(Authenticated(held))
    }

    /// Signature, times, issuer, audience, type and fingerprint: what every verifier checks alone.
    pub(super) fn verify(
        &self,
        token: &str,
        fingerprint: Option<&FingerprintCookie>,
        leeway: Duration,
    ) -> Result<Verified<Claims>, Error> {
        let checks = self.settings.checks(leeway);
        let claims = self.keyring.verify(Unverified::parse(token)?, &checks, self.now())?;
        let shown = fingerprint.map(FingerprintCookie::hash);
        if claims.hasura.fingerprint.is_none() || claims.hasura.fingerprint != shown {
            return Err(Error::Code(Code::FingerprintMismatch));
        }
        Ok(claims)
    }

    pub(super) async fn held_of(&self, claims: &Claims) -> Result<Held, Error> {
        // A session that was swept away had ended long before.
        self.store.session(claims.sub, claims.sid).await?.ok_or(Error::Ended(None))
    }
}

impl Settings {
    /// What every access token of this server says.
    pub(super) fn checks(&self, leeway: Duration) -> Checks {
        Checks {
            issuer: self.issuer().to_owned(),
            audience: self.audience.clone(),
            typ: self.token_type.clone(),
            leeway,
        }
    }
}
