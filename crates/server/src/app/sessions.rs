//! The devices of a user, and what happened to the account.

use std::sync::Arc;

use countersign_core::code::EndReason;
use countersign_core::{SessionId, UserId};
use tokio::task::JoinSet;

use super::{App, Authenticated, Error};
use crate::store::{Event, EventKind, NewEvent, Session};

/// How many users' sessions end together.
const USERS_AT_ONCE: u32 = 64;
/// The most events that one answer holds.
const EVENTS_AT_ONCE: u32 = 100;

impl App {
    /// The living sessions of a user, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, Error> {
        let now = self.now();
        let sessions = self.store.sessions(user).await?;
        Ok(sessions.into_iter().filter(|session| session.over(now).is_none()).collect())
    }

    /// Ends one of the user's own sessions.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if the user has no such session.
    pub async fn revoke_own(&self, who: &Authenticated, session: SessionId) -> Result<(), Error> {
        let user = who.held().user.id;
        if self.store.session(user, session).await?.is_none() {
            return Err(Error::BadRequest("there is no such session".into()));
        }
        self.revoke(user, session).await?;
        Ok(())
    }

    /// Ends a session for an administrator, or for its user on another device; answers whether it was living.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; nothing ended then.
    pub async fn revoke(&self, user: UserId, session: SessionId) -> Result<bool, Error> {
        let now = self.now();
        let event =
            NewEvent { at: now, kind: EventKind::Revoked, user, session: Some(session), detail: None };
        let until = self.deny_until(now);
        Ok(!self.store.end_session(user, session, EndReason::Revoked, event, until).await?.is_empty())
    }

    /// Ends every session of a user for an administrator; answers which.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; nothing ended then.
    pub async fn revoke_all(&self, user: UserId) -> Result<Vec<SessionId>, Error> {
        let now = self.now();
        let event = NewEvent { at: now, kind: EventKind::Revoked, user, session: None, detail: None };
        Ok(self.store.end_sessions(user, None, EndReason::Revoked, event, self.deny_until(now)).await?)
    }

    /// Ends every session of everybody; answers how many.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer; some may have ended by then.
    pub async fn revoke_everybody(self: &Arc<Self>) -> Result<usize, Error> {
        let (mut after, mut ended) = (None, 0);
        loop {
            let users = self.users(after, USERS_AT_ONCE).await?;
            let Some(last) = users.last() else { return Ok(ended) };
            after = Some(last.id);
            // Together, so that they go into few commits.
            let mut ends = JoinSet::new();
            for user in users {
                let app = Arc::clone(self);
                ends.spawn(async move { app.revoke_all(user.id).await });
            }
            while let Some(end) = ends.join_next().await {
                ended += end.map_err(|error| Error::Internal(error.to_string()))??.len();
            }
        }
    }

    /// What happened to the account, newest first, from before the event `before` on.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn events(&self, user: UserId, before: Option<u64>, limit: u32) -> Result<Vec<Event>, Error> {
        Ok(self.store.events(user, before, limit.min(EVENTS_AT_ONCE)).await?)
    }
}
