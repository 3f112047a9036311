use std::sync::Arc;

use countersign_core::{Action, SessionId};

use super::held::Trouble;
use super::{Client, Inner};
use crate::answer::Done;
use crate::error::{Error, SignedOut};
use crate::store::Saved;
use crate::transport::{ByBody, FLIGHT, Shows};

impl Client {
    /// Ends the session: here at once, before anything is waited for, and at the server before this returns.
    /// What is still under way cannot undo it. Without a session, the one of the store ends.
    ///
    /// # Errors
    /// With the action `retry` if the server could not be told, or [`Error::Store`]. Nobody is signed in here
    /// then, and a further call, [`resume`](Client::resume) or login finishes it.
    pub async fn logout(&self) -> Result<(), Error> {
        let inner = Arc::clone(&self.0);
        let leaving = {
            let mut now = inner.now();
            if let Ok(held) = &now.held {
                now.leaving = Some(held.to_save(true));
            }
            inner.end(&mut now, SignedOut::User);
            now.leaving.clone().map(|leaving| (now.epoch, leaving))
        };
        // It goes on if nobody waits for it.
        let told = tokio::spawn(async move {
            match (leaving, &inner.keeper) {
                (Some((epoch, leaving)), _) => inner.leave(epoch, leaving).await,
                (None, Some(keeper)) => {
                    let epoch = inner.now().epoch;
                    match keeper.load().await? {
                        Some(saved) => inner.leave(epoch, Saved { leaving: true, ..saved }).await,
                        None => Ok(()),
                    }
                }
                (None, None) => Ok(()),
            }
        });
        told.await.map_err(|_| Error::Interrupted)?
    }
}

impl Client {
    /// Ends every session of the user, whatever device it is on: at the server first, as that takes an access token,
    /// then here. Their access tokens are refused at once by whoever follows the deny-list.
    ///
    /// # Errors
    /// - [`Error::SignedOut`] if this session is over: so it is after a call whose answer was lost;
    /// - [`Error::Store`] if all are ended, and the store still holds this one;
    /// - else as [`token`](Client::token). Nothing has changed here; [`logout`](Client::logout) needs no network.
    pub async fn logout_everywhere(&self) -> Result<(), Error> {
        let (epoch, session) = self.0.end_all("/auth/logout/all").await?;
        {
            let mut now = self.0.now();
            if now.epoch == epoch {
                self.0.end(&mut now, SignedOut::User);
            }
        }
        match &self.0.keeper {
            Some(keeper) => keeper.clear(session).await,
            None => Ok(()),
        }
    }

    /// Ends every other session of the user. This one stays, with the one that it was forked from.
    ///
    /// # Errors
    /// As [`token`](Client::token).
    pub async fn logout_others(&self) -> Result<(), Error> {
        self.0.end_all("/auth/logout/all?others=true").await.map(|_| ())
    }
}

impl Inner {
    /// Has the user's sessions ended. Answers which session asked for it, and its epoch.
    async fn end_all(self: &Arc<Self>, route: &str) -> Result<(u64, SessionId), Error> {
        let mut pass = self.pass(FLIGHT).await?;
        let mut again = true;
        loop {
            let shows =
                Shows { cookies: pass.jar.fingerprint(), access: Some(&pass.token), ..Shows::default() };
            let refused = match self.settings.post::<Done>(route, shows, &ByBody::default()).await {
                Ok((Done { ok: true }, _)) => return Ok((pass.beat.epoch, pass.session)),
                Ok(_) => return Err(Error::Foreign { status: 200, fault: "no logout", retry_after: None }),
                Err(Error::Refused(refused)) => refused,
                Err(error) => return Err(error),
            };
            if refused.action == Action::Login {
                return Err(self.refused(pass.beat.epoch, refused).await);
            }
            if refused.action != Action::Refresh || !std::mem::take(&mut again) {
                return Err(Error::Refused(refused));
            }
            pass = self.pass_instead_of(&pass.token).await?;
        }
    }

    /// Finishes a logout that an earlier run of the program began.
    pub(super) async fn leave_again(&self, epoch: u64, saved: Saved) -> Result<(), Error> {
        {
            let mut now = self.now();
            if now.epoch == epoch && now.held.is_err() {
                now.leaving = Some(saved.clone());
            }
        }
        self.tell(&saved).await?;
        self.left(epoch, &saved).await
    }

    /// Ends a session that was opened too late.
    pub(super) fn leave_late(self: &Arc<Self>, saved: Saved) {
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = inner.tell(&saved).await {
                tracing::debug!(%error, "a session that nobody wants stays open until it is idle");
            }
        });
    }

    /// Notes in the store that the session is over, tells the server, and forgets it.
    async fn leave(&self, epoch: u64, leaving: Saved) -> Result<(), Error> {
        let noted = match &self.keeper {
            Some(keeper) => keeper.renew(leaving.clone(), || self.is(epoch)).await.map(|_| ()),
            None => Ok(()),
        };
        self.tell(&leaving).await?;
        self.left(epoch, &leaving).await.and(noted)
    }

    async fn left(&self, epoch: u64, leaving: &Saved) -> Result<(), Error> {
        {
            let mut now = self.now();
            if now.epoch == epoch {
                now.leaving = None;
            }
        }
        match &self.keeper {
            Some(keeper) => keeper.clear(leaving.session).await,
            None => Ok(()),
        }
    }

    /// Tells the server that a session is over, again if it does not answer.
    async fn tell(&self, leaving: &Saved) -> Result<(), Error> {
        let world = &self.settings.world;
        let give_up = world.elapsed() + FLIGHT.saturating_mul(2);
        let mut trouble: Option<Trouble> = None;
        loop {
            let (shows, body) = leaving.jar.shows();
            let error = match self.settings.post::<Done>("/auth/logout", shows, &body).await {
                Ok((Done { ok: true }, _)) => return Ok(()),
                Ok(_) => Error::Foreign { status: 200, fault: "no logout", retry_after: None },
                Err(error) => error,
            };
            match error.action() {
                // There is nothing left to end.
                Action::Login => return Ok(()),
                Action::Retry => {
                    let after = Trouble::after(trouble.as_ref(), error, world.elapsed(), world.chance());
                    if after.until > give_up {
                        return Err(after.last);
                    }
                    world.sleep(after.until.saturating_sub(world.elapsed())).await;
                    trouble = Some(after);
                }
                _ => return Err(error),
            }
        }
    }
}
