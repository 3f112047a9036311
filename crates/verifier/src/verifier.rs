//! The checks of a request, in the order in which they are made.

use std::sync::Arc;

use countersign_core::Clock;
#[cfg(any(feature = "axum", feature = "remote"))]
use countersign_core::token::Reject;

use crate::counters;
use crate::state::{Shared, State};
use crate::{DenyList, Feed, Policy, Refused, Shown, Status, Verified};

/// Checks access tokens against keys and a deny-list that a [`Feed`] keeps fresh. Clones are the same verifier.
#[derive(Clone, Debug)]
pub struct Verifier(Shared);

impl Verifier {
    /// A verifier that knows nothing yet, and refuses everything until its feed has told it keys, the deny-list
    /// and a first heartbeat.
    pub fn new(policy: Policy, clock: Arc<dyn Clock>) -> (Self, Feed) {
        let shared = Arc::new(State::new(policy, clock));
        (Self(Arc::clone(&shared)), Feed(shared))
    }

    #[cfg(feature = "remote")]
    pub(crate) const fn of(shared: Shared) -> Self {
        Self(shared)
    }

    /// What it insists on.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Its replica of the deny-list.
    pub fn denylist(&self) -> &DenyList {
        &self.0.denylist
    }

    /// Checks what a request shows. Waits only if the token names a key that is not known: the auth server is
    /// asked for its keys then, now and again.
    ///
    /// # Errors
    /// [`Refused`], whose [`code`](Refused::code) is the answer.
    #[cfg_attr(not(feature = "remote"), expect(clippy::unused_async, reason = "there is nobody to ask"))]
    pub async fn verify(&self, shown: &Shown<'_>) -> Result<Verified, Refused> {
        let judged = self.judge(shown);
        #[cfg(feature = "remote")]
        let judged = match judged {
            Err(Refused::Token(Reject::KeyUnknown)) if self.0.newer_keys(shown).await => self.judge(shown),
            judged => judged,
        };
        self.counted(judged)
    }

    /// The same by the keys that are known now: a token of a newer key is refused.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn verify_known(&self, shown: &Shown<'_>) -> Result<Verified, Refused> {
        self.counted(self.judge(shown))
    }

    /// The answer of [`verify`](Self::verify), unless it would have to ask for keys.
    #[cfg(feature = "axum")]
    pub(crate) fn verify_at_once(&self, shown: &Shown<'_>) -> Option<Result<Verified, Refused>> {
        match self.judge(shown) {
            Err(Refused::Token(Reject::KeyUnknown)) => None,
            judged => Some(self.counted(judged)),
        }
    }

    #[cfg(feature = "axum")]
    pub(crate) fn shares(&self, shared: &Shared) -> bool {
        Arc::ptr_eq(&self.0, shared)
    }

    /// Waits until it can judge: for a start that should not answer 503 first.
    pub async fn ready(&self) {
        loop {
            // Before the check: news that come between the two are kept.
            let told = self.0.told.notified();
            if self.0.readiness(self.0.clock.now()).is_ok() {
                return;
            }
            told.await;
        }
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let now = self.0.clock.now();
        Status {
            unready: self.0.readiness(now).err(),
            stale_for: self.0.stale_for(now),
            entries: self.0.denylist.len(),
            keys: self.0.keys().set.public().count(),
            signatures: self.0.signatures.len(),
            live: self.0.live.len(),
        }
    }

    fn judge(&self, shown: &Shown<'_>) -> Result<(Verified, bool), Refused> {
        let now = self.0.clock.now();
        self.0.ready(now)?;
        let token = shown.token.ok_or(Refused::TokenMissing)?;
        let (proven, remembered) = self.0.prove(token, shown, now)?;
        Ok((Verified::new(proven, Arc::clone(&self.0)), remembered))
    }

    fn counted(&self, judged: Result<(Verified, bool), Refused>) -> Result<Verified, Refused> {
        match judged {
            Ok((verified, remembered)) => {
                self.0.counters.verified(remembered);
                Ok(verified)
            }
            Err(refused) => {
                counters::refused(refused);
                Err(refused)
            }
        }
    }
}
