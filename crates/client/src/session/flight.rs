//! The refresh: one at a time, however many want it, and repeated until it is answered.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Action, Code};
use http::HeaderMap;
use tokio::sync::watch;

use super::held::{Access, Held, Landing, Now, Trouble};
use super::{Inner, Pass, State, who};
use crate::answer::Issued;
use crate::error::{Error, Refusal, SignedOut};
use crate::jar::Jar;
use crate::secret::SecretText;
use crate::store::Kept;
use crate::transport::FLIGHT;

/// How long those who need a token wait for one, through all failures.
const PATIENCE: Duration = FLIGHT.saturating_mul(2);

impl Inner {
    /// A token that lasts for `span`, or a fifth of its life.
    pub(crate) async fn pass(self: &Arc<Self>, span: Duration) -> Result<Pass, Error> {
        let (epoch, landing) = {
            let mut now = self.now();
            let held = now.held.as_ref().map_err(|why| Error::SignedOut(why.clone()))?;
            let moment = self.settings.world.elapsed();
            if let Some(access) = held.access.as_ref().filter(|access| access.lasts(moment, span)) {
                let (pass, due) = (Pass::new(held, access, *self.beat.borrow()), access.due);
                if due <= moment {
                    let _beside = self.fly(&mut now);
                }
                return Ok(pass);
            }
            (now.epoch, self.fly(&mut now))
        };
        self.land(epoch, landing).await
    }

    /// Another token than this one.
    pub(crate) async fn pass_instead_of(self: &Arc<Self>, refused: &SecretText) -> Result<Pass, Error> {
        let (epoch, landing) = {
            let mut now = self.now();
            let held = now.held.as_ref().map_err(|why| Error::SignedOut(why.clone()))?;
            match &held.access {
                // Somebody else has renewed it already.
                Some(access) if !access.token.is(refused) => {
                    return Ok(Pass::new(held, access, *self.beat.borrow()));
                }
                _ => (now.epoch, self.fly(&mut now)),
            }
        };
        self.land(epoch, landing).await
    }

    /// Uses this token no more. The next who needs one has it renewed.
    pub(crate) fn drop_token(&self, refused: &SecretText) {
        if let Ok(held) = &mut self.now().held {
            held.access.take_if(|access| access.token.is(refused));
        }
    }

    /// Joins the refresh that is under way, or begins one: in a task of its own, so that it ends for all, whoever
    /// of them stops waiting.
    fn fly(self: &Arc<Self>, now: &mut Now) -> Landing {
        if let Some(landing) = &now.flight {
            return landing.clone();
        }
        let (lands, landing) = watch::channel(None);
        now.flight = Some(landing.clone());
        let (inner, epoch) = (Arc::clone(self), now.epoch);
        tokio::spawn(async move {
            let landed = Landed { inner: &inner, epoch };
            let done = inner.renew(epoch).await;
            drop(landed);
            lands.send_replace(Some(done));
        });
        landing
    }

    /// Waits for a refresh, or the end of the session.
    async fn land(&self, epoch: u64, mut landing: Landing) -> Result<Pass, Error> {
        let mut beat = self.beat();
        tokio::select! {
            biased;
            _ = beat.wait_for(|beat| beat.epoch != epoch) => (),
            done = landing.wait_for(Option::is_some) => match done.as_deref() {
                Ok(Some(Ok(()))) => (),
                Ok(Some(Err(error))) => return Err(error.clone()),
                // Its task panicked, or the runtime ends.
                Ok(None) | Err(_) => return Err(Error::Interrupted),
            },
        }
        let now = self.now();
        match &now.held {
            Err(why) => Err(Error::SignedOut(why.clone())),
            Ok(held) if now.epoch == epoch => {
                let access = held.access.as_ref().ok_or(Error::Interrupted)?;
                Ok(Pass::new(held, access, *self.beat.borrow()))
            }
            // The token would be another user's.
            Ok(_) => Err(Error::SignedOut(SignedOut::User)),
        }
    }

    /// Refreshes until there is an answer, or patience is at its end.
    async fn renew(&self, epoch: u64) -> Result<(), Error> {
        let world = &self.settings.world;
        let give_up = world.elapsed() + PATIENCE;
        loop {
            let trouble = self.now().trouble.clone();
            if let Some(Trouble { until, last, .. }) = trouble {
                if until > give_up {
                    return Err(last);
                }
                world.sleep(until.saturating_sub(world.elapsed())).await;
            }
            let Err(error) = self.refresh(epoch).await else { return Ok(()) };
            if let Error::Refused(refusal) = &error
                && refusal.action == Action::Login
                && (400..500).contains(&refusal.status)
            {
                return Err(self.refused(epoch, refusal.clone()).await);
            }
            self.failed(epoch, &error)?;
            if error.action() != Action::Retry {
                return Err(error);
            }
        }
    }

    /// One refresh.
    async fn refresh(&self, epoch: u64) -> Result<(), Error> {
        let held = self.newest(epoch).await?;
        let asked = self.settings.world.elapsed();
        let (issued, headers, jar) = self.ask(&held.jar).await?;
        let access = Access::issued(&issued, asked, self.settings.world.chance());
        let foreign = |fault| Error::Foreign { status: 200, fault, retry_after: None };
        let access = access.ok_or_else(|| foreign("no access token"))?;
        if issued.session.id != held.session {
            return Err(foreign("another session"));
        }
        let shown = Held { user: issued.user.clone(), access: Some(access), jar, ..held };
        let jar = shown.jar.renewed(&issued, &headers);
        let renewed = Held { depth: issued.session.depth, jar, ..shown.clone() };
        self.adopt(epoch, shown, renewed).await
    }

    /// The session is over, says the server. Whoever waits may be the last thing that the program does, so the
    /// store forgets it first.
    pub(super) async fn refused(&self, epoch: u64, refusal: Refusal) -> Error {
        let session = self.now().held.as_ref().ok().map(|held| held.session);
        if let (Some(keeper), Some(session)) = (&self.keeper, session)
            && let Err(error) = keeper.clear(session).await
        {
            tracing::warn!(%error, "a session that ended stays in the store");
        }
        self.end_of(epoch, SignedOut::Ended(refusal))
    }

    /// Asks the server. If it does not know our cookies, it may have changed their names: once more, then.
    async fn ask(&self, jar: &Jar) -> Result<(Issued, HeaderMap, Jar), Error> {
        let ask = async |jar: &Jar| {
            let (shows, body) = jar.shows();
            self.settings.post::<Issued>("/auth/refresh", shows, &body).await
        };
        match ask(jar).await {
            Ok((issued, headers)) => Ok((issued, headers, jar.clone())),
            Err(refused) if matches!(refused.code(), Some(Code::NoSession | Code::FingerprintMismatch)) => {
                let renamed = jar.renamed();
                match ask(&renamed).await {
                    Ok((issued, headers)) => Ok((issued, headers, renamed)),
                    Err(error) if error.action() == Action::Retry => Err(error),
                    Err(_) => Err(refused),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The session as it stands: another program that shares the store may have renewed or ended it.
    pub(super) async fn newest(&self, epoch: u64) -> Result<Held, Error> {
        let held = {
            let now = self.now();
            let held = now.held.clone().map_err(Error::SignedOut)?;
            if now.epoch != epoch {
                return Err(Error::SignedOut(SignedOut::User));
            }
            held
        };
        let Some(keeper) = self.keeper.as_ref().filter(|_| held.saved) else { return Ok(held) };
        match keeper.load().await {
            Ok(Some(there)) if there.session == held.session && !there.leaving => {
                if there.depth > held.depth { Ok(there.into()) } else { Ok(held) }
            }
            Ok(_) => Err(self.end_of(epoch, SignedOut::Elsewhere)),
            Err(error) => {
                tracing::warn!(%error, "the session's store cannot be read");
                Ok(held)
            }
        }
    }

    /// Takes what a refresh brought. With a store, the new refresh token is shown only once it is saved: the one
    /// before can be shown again at any time, while one that was replaced and is found in the store later would
    /// end the session.
    async fn adopt(&self, epoch: u64, shown: Held, mut renewed: Held) -> Result<(), Error> {
        let mut fault = None;
        if let Some(keeper) = self.keeper.as_ref().filter(|_| renewed.saved) {
            match keeper.renew(renewed.to_save(false), || self.is(epoch)).await {
                Ok(Kept::Saved) => (),
                Ok(Kept::Gone) => return Err(self.end_of(epoch, SignedOut::Elsewhere)),
                Err(error) => {
                    tracing::warn!(%error, "the session cannot be saved");
                    (renewed, fault) = (shown, Some(error));
                }
            }
        }
        let mut now = self.now();
        if now.epoch != epoch {
            return Err(Error::SignedOut(SignedOut::User));
        }
        let who = who(&renewed);
        self.state.send_replace(match fault {
            Some(error) => State::Degraded(who, error),
            None => State::SignedIn(who),
        });
        now.held = Ok(renewed);
        now.trouble = None;
        self.beat.send_modify(|beat| beat.token += 1);
        Ok(())
    }

    /// Notes a failure. The session stays.
    fn failed(&self, epoch: u64, error: &Error) -> Result<(), Error> {
        let mut now = self.now();
        let held = now.held.as_ref().map_err(|why| Error::SignedOut(why.clone()))?;
        if now.epoch != epoch {
            return Err(Error::SignedOut(SignedOut::User));
        }
        let world = &self.settings.world;
        self.state.send_replace(State::Degraded(who(held), error.clone()));
        let trouble = Trouble::after(now.trouble.as_ref(), error.clone(), world.elapsed(), world.chance());
        now.trouble = Some(trouble);
        Ok(())
    }
}

/// When dropped, also by a panic, the next who needs a token begins anew.
struct Landed<'i> {
    inner: &'i Inner,
    epoch: u64,
}

impl Drop for Landed<'_> {
    fn drop(&mut self) {
        let mut now = self.inner.now();
        if now.epoch == self.epoch {
            now.flight = None;
        }
    }
}
