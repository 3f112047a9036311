//! Sessions of live connections: to be told when they are over.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_core::Code;
use countersign_core::Timestamp;
use countersign_core::denylist::Batch;
use tokio::sync::Notify;

use crate::{Refused, Verified};

/// A session that something goes on for: a subscription, a download. It holds the newest token that the client
/// has shown.
pub struct Session {
    newest: Mutex<Verified>,
    woken: Arc<Notify>,
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
        let woken = verified.shared.live.enter(&verified);
        Self { newest: Mutex::new(verified), woken }
    }

    /// Resolves when the session ends, or its newest token has expired.
    pub async fn ended(&self) -> Ended {
        self.ended_after(Duration::ZERO).await
    }

    /// The same, with some time after the expiry for the client to show a newer token.
    pub async fn ended_after(&self, grace: Duration) -> Ended {
        loop {
            // Before the check: a wake that comes between the two is kept.
            let woken = self.woken.notified();
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
        self.woken.notify_one();
        Ok(())
    }

    /// The newest token that the client has shown.
    pub fn newest(&self) -> MutexGuard<'_, Verified> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it goes on if nothing happens.
    fn standing(&self, grace: Duration) -> Result<Duration, Ended> {
        let newest = self.newest();
        let shared = &newest.shared;
        let now = shared.clock.now();
        shared.ready(now).map_err(Ended::Refused)?;
        shared.allowed(&newest, &newest.kid).map_err(Ended::Refused)?;
        let end = Timestamp::from_secs(newest.exp).plus(grace);
        // Looked at anew each second, as nobody wakes it when news stay away.
        let left = end.since(now).min(Duration::from_secs(1));
        if left.is_zero() { Err(Ended::Expired) } else { Ok(left) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let newest = self.newest();
        newest.shared.live.leave(&newest, &self.woken);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.newest().sid).finish()
    }
}

/// Who is to be woken when a session ends, by the bytes of session and user ids.
#[derive(Default)]
pub(crate) struct LiveSessions(Mutex<HashMap<[u8; 16], Vec<Arc<Notify>>>>);

impl LiveSessions {
    fn enter(&self, verified: &Verified) -> Arc<Notify> {
        let woken = Arc::new(Notify::new());
        let mut all = self.all();
        for id in ids(verified) {
            all.entry(id).or_default().push(Arc::clone(&woken));
        }
        woken
    }

    fn leave(&self, verified: &Verified, woken: &Arc<Notify>) {
        let mut all = self.all();
        for id in ids(verified) {
            if let Entry::Occupied(mut waiting) = all.entry(id) {
                waiting.get_mut().retain(|other| !Arc::ptr_eq(other, woken));
                if waiting.get().is_empty() {
                    waiting.remove();
                }
            }
        }
    }

    /// Wakes those whom one of the entries may concern; they look for themselves.
    pub(crate) fn wake(&self, batch: &Batch) {
        let all = self.all();
        let sessions = batch.sessions.iter().map(|(id, _)| *id.as_bytes());
        for id in sessions.chain(batch.epochs.iter().map(|(id, ..)| *id.as_bytes())) {
            all.get(&id).into_iter().flatten().for_each(|waiting| waiting.notify_one());
        }
        if !batch.keys.is_empty() {
            all.values().flatten().for_each(|waiting| waiting.notify_one());
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; 16], Vec<Arc<Notify>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ids(verified: &Verified) -> [[u8; 16]; 2] {
    [*verified.sid.as_bytes(), *verified.sub.as_bytes()]
}
