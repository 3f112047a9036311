//! Logging out: on the deny-list, durably, before the answer.

use std::time::Duration;

use countersign_core::Code;
use countersign_core::code::EndReason;
use countersign_core::token::FingerprintCookie;
use serde_json::json;

use super::refresh::event_of;
use super::{App, Authenticated, Error, Presented};
use crate::store::{EventKind, Held, Mode, NewEvent};

/// How long after its expiry an access token can still end its session: a laptop that slept over night.
const LATE: Duration = Duration::from_hours(24);

/// Everything by which a request that logs out may name its session.
#[derive(Clone, Copy, Default)]
pub struct Leaving<'r> {
    /// The refresh token of the body.
    pub by_body: Option<&'r str>,
    /// The access token, which may have expired a day ago.
    pub bearer: Option<&'r str>,
    /// The refresh token of the cookie.
    pub by_cookie: Option<&'r str>,
    /// Whether a refresh cookie came that may be forged. It is no way to a session; where there is none, this is why.
    pub unproven: bool,
    /// The fingerprint cookie. Alone it is enough for a session in header mode, whose page lost its tokens.
    pub fingerprint: Option<&'r FingerprintCookie>,
}

impl App {
    /// Ends the session that the request names, and those forked from it. Doing it again is no error.
    ///
    /// # Errors
    /// The codes of `POST /auth/logout` in PROTOCOL.md; nothing ended then.
    pub async fn logout(&self, by: Leaving<'_>) -> Result<(), Error> {
        let held = self.session_left(by).await?;
        let now = self.now();
        let event = event_of(&held, EventKind::Logout, None, now);
        let (user, session) = (held.user.id, held.session.id);
        self.store.end_session(user, session, EndReason::Logout, event, self.deny_until(now)).await?;
        Ok(())
    }

    /// The first way that leads to a session counts: a stale access token does not spoil a good cookie. What is
    /// answered otherwise is the first refusal.
    async fn session_left(&self, by: Leaving<'_>) -> Result<Held, Error> {
        let mut first = None;
        let mut refused = |error: Error| match error {
            Error::Store(_) | Error::Internal(_) => Err(error),
            other => {
                first.get_or_insert(other);
                Ok(())
            }
        };
        for (token, mode) in [(by.by_body, Mode::Header), (by.by_cookie, Mode::Cookie)] {
            let Some(refresh) = token else { continue };
            let presented =
                Presented { refresh, mode, fingerprint: by.fingerprint, claimed_fingerprint: None };
            match self.session_of_refresh_token(presented).await {
                Ok(held) => return Ok(held),
                Err(error) => refused(error)?,
            }
        }
        if let Some(token) = by.bearer {
            match self.session_of_access_token(token, by.fingerprint).await {
                Ok(held) => return Ok(held),
                Err(error) => refused(error)?,
            }
        }
        if let Some(cookie) = by.fingerprint {
            let held = self.store.session_by_fingerprint(cookie.hash().as_bytes()).await?;
            if let Some(held) = held.filter(|held| held.session.mode == Mode::Header) {
                return Ok(held);
            }
        }
        let nothing = if by.unproven { Code::CsrfRejected } else { Code::NoSession };
        Err(first.unwrap_or(Error::Code(nothing)))
    }

    async fn session_of_refresh_token(&self, presented: Presented<'_>) -> Result<Held, Error> {
        let (held, _) = self.recognise(presented).await?;
        match self.admit(&held, presented, self.now()).await {
            // One that is over already is logged out of without more ado, by its own browser.
            Ok(()) | Err(Error::Ended(Some(_))) => Ok(held),
            Err(refused) => Err(refused),
        }
    }

    async fn session_of_access_token(
        &self,
        token: &str,
        fingerprint: Option<&FingerprintCookie>,
    ) -> Result<Held, Error> {
        let claims = self.verify(token, fingerprint, LATE)?;
        self.held_of(&claims).await
    }

    /// Ends every session of the user, or every other one; answers how many.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; nothing ended then.
    pub async fn logout_all(&self, who: &Authenticated, others: bool) -> Result<usize, Error> {
        let held = who.held();
        let keep = others.then_some(held.session.id);
        let now = self.now();
        let event = NewEvent {
            detail: Some(json!({ "others": others })),
            ..event_of(held, EventKind::LogoutAll, None, now)
        };
        let reason = EndReason::Logout;
        Ok(self.store.end_sessions(held.user.id, keep, reason, event, self.deny_until(now)).await?.len())
    }
}
