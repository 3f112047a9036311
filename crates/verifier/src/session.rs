//! Sessions of live connections: to be told when they are over.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_core::Code;
use countersign_core::Timestamp;

use crate::live::Place;
use crate::state::Shared;
use crate::{Refused, Verified};

/// How often a connection looks for itself: a clock that was set, or a machine that slept, wakes nobody.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A session that something goes on for: a subscription, a download. It holds the newest token that the client
/// has shown.
pub struct Session {
    newest: Mutex<Verified>,
    shared: Shared,
    place: Place,
}

/// Why a live connection may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// Its token has expired, and the client has shown no newer one.
    Expired,
    /// Every request of it would be refused now, for this reason.
    Refused(Refused),
}

/// A token that does not renew this session: of another session or user, or not newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not a newer one of the same session")]
pub struct NotNewer;

impl Ended {
    /// The code of the contract.
    pub const fn code(self) -> Code {
        match self {
            Self::Expired => Code::TokenExpired,
            Self::Refused(refused) => refused.code(),
        }
    }
}

impl Session {
    pub(crate) fn of(verified: Verified) -> Self {
        let shared = Shared::clone(&verified.shared);
        let place = shared.live.enter(&verified);
        Self { newest: Mutex::new(verified), shared, place }
    }

    /// Resolves when the session ends, or its newest token has expired.
    pub async fn ended(&self) -> Ended {
        self.ended_after(Duration::ZERO).await
    }

    /// The same, with some time after the expiry for the client to show a newer token.
    pub async fn ended_after(&self, grace: Duration) -> Ended {
        loop {
            // Before the check: a wake that comes between the two is kept.
            let woken = self.place.woken().notified();
            let left = match self.standing(grace) {
                Ok(left) => left,
                Err(ended) => return ended,
            };
            tokio::select! {
                () = woken => (),
                () = tokio::time::sleep(left) => (),
            }
        }
    }

    /// Goes on with a newer token of the same session, which has been verified like any other.
    ///
    /// # Errors
    /// [`NotNewer`]; the session goes on with the token that it had.
    pub fn renew(&self, newer: Verified) -> Result<(), NotNewer> {
        let mut newest = self.newest();
        if newer.sid != newest.sid || newer.sub != newest.sub || newer.exp <= newest.exp {
            return Err(NotNewer);
        }
        *newest = newer;
        drop(newest);
        self.place.woken().notify_waiters();
        Ok(())
    }

    /// The newest token that the client has shown.
    pub fn newest(&self) -> MutexGuard<'_, Verified> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it goes on if nothing happens.
    fn standing(&self, grace: Duration) -> Result<Duration, Ended> {
        let newest = self.newest();
        let now = self.shared.clock.now();
        self.shared.ready(now).map_err(Ended::Refused)?;
        self.shared.allowed(&newest.proven).map_err(Ended::Refused)?;
        let end = Timestamp::from_secs(newest.exp).plus(grace);
        let left = end.since(now);
        if left.is_zero() {
            return Err(Ended::Expired);
        }
        // Nobody wakes it when news stay away: a policy that refuses then does so at this moment.
        let fresh = self.shared.fresh_for(now).map(|fresh| fresh + Duration::from_millis(1));
        Ok(left.min(LOOK_EVERY).min(fresh.unwrap_or(LOOK_EVERY)))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.live.leave(&self.place);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.newest().sid).finish()
    }
}
