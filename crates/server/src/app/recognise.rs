//! From the refresh token that a request shows to the session that it names: every check before the verdict,
//! in the order of rotation, and without changing any state.

use countersign_core::Code;
use countersign_core::Timestamp;
use countersign_core::session::{RefreshToken, Shown};
use countersign_core::token::{FingerprintCookie, FingerprintHash};

use super::{App, Error};
use crate::store::{EventKind, Held, Mode, NewEvent};

/// What a request shows of its session.
#[derive(Clone, Copy)]
pub struct Presented<'r> {
    /// The refresh token.
    pub refresh: &'r str,
    /// By which transport it came.
    pub mode: Mode,
    /// The fingerprint cookie.
    pub fingerprint: Option<&'r FingerprintCookie>,
    /// What the client says the fingerprint's hash is: compared if given, and never trusted alone.
    pub claimed_fingerprint: Option<&'r str>,
}

impl App {
    /// The session of a refresh token that we issued, whatever its state.
    pub(super) async fn recognise(&self, presented: Presented<'_>) -> Result<(Held, RefreshToken), Error> {
        let invalid = || Error::Code(Code::RefreshTokenInvalid);
        let shown = Shown::parse(presented.refresh).map_err(|_| invalid())?;
        let held = self.store.session(shown.user(), shown.session()).await?.ok_or_else(invalid)?;
        let token = shown.verify(&self.mac, &held.session.salt).map_err(|_| invalid())?;
        if held.session.mode != presented.mode {
            return Err(invalid());
        }
        Ok((held, token))
    }

    /// Whether the session lives and its own browser asks.
    pub(super) async fn admit(
        &self,
        held: &Held,
        presented: Presented<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let known = is_of_session(presented, &held.session.fingerprint);
        if let Some(reason) = held.session.over(now) {
            return Err(Error::Ended(known.then_some(reason)));
        }
        if !known {
            // A sign of theft, but not a reason to end the session: whoever reads an old token could do that.
            let event = NewEvent {
                at: now,
                kind: EventKind::FingerprintMismatch,
                user: held.user.id,
                session: Some(held.session.id),
                detail: Some(serde_json::json!({ "cookie": presented.fingerprint.is_some() })),
            };
            self.store.record(event).await?;
            return Err(Error::Code(Code::FingerprintMismatch));
        }
        Ok(())
    }
}

fn is_of_session(presented: Presented<'_>, hash: &FingerprintHash) -> bool {
    let claimed = presented.claimed_fingerprint.is_none_or(|text| text == hash.to_string());
    claimed && presented.fingerprint.is_some_and(|cookie| cookie.hash() == *hash)
}
