//! The checks of a request, in the order in which they are made.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::Clock;
use countersign_core::token::Reject;
use metrics::counter;
use serde_json::{Value, json};

use crate::signatures::Known;
use crate::state::{Shared, State};
use crate::{DenyList, Feed, Policy, Refused, Shown, Unready, Verified};

/// Checks access tokens against keys and a deny-list that a [`Feed`] keeps fresh. Clones are the same verifier.
#[derive(Clone, Debug)]
pub struct Verifier(Shared);

/// How a verifier is, for health pages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Why it cannot judge, if it cannot.
    pub unready: Option<Unready>,
    /// How long ago everything was known; `None` if never.
    pub stale_for: Option<Duration>,
    /// How many deny-list entries it holds.
    pub entries: usize,
    /// How many keys it holds.
    pub keys: usize,
}

impl Verifier {
    /// A verifier that knows nothing yet, and refuses everything until its feed has told it keys, the deny-list
    /// and a first heartbeat.
    pub fn new(policy: Policy, clock: Arc<dyn Clock>) -> (Self, Feed) {
        let shared = Arc::new(State::new(policy, clock, crate::signatures::DEFAULT));
        (Self(Arc::clone(&shared)), Feed(shared))
    }

    #[cfg(feature = "remote")]
    pub(crate) fn with(
        policy: Policy,
        clock: Arc<dyn Clock>,
        signatures: usize,
        asking: crate::remote::Asking,
    ) -> (Self, Feed) {
        let shared = Arc::new(State::new(policy, clock, signatures).with_asking(asking));
        (Self(Arc::clone(&shared)), Feed(shared))
    }

    /// What it insists on.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Its replica of the deny-list.
    pub fn denylist(&self) -> &DenyList {
        &self.0.denylist
    }

    /// Checks what a request shows. It waits for nobody, but when the token names a key that nobody has
    /// announced: then the keys are fetched once.
    ///
    /// # Errors
    /// [`Refused`], whose [`code`](Refused::code) is the answer.
    pub async fn verify(&self, shown: &Shown) -> Result<Verified, Refused> {
        let first = self.judge(shown);
        let judged = match first {
            Err(Refused::Token(Reject::KeyUnknown)) if self.0.newer_keys().await => self.judge(shown),
            judged => judged,
        };
        count(&judged);
        judged
    }

    /// The same by the keys that are known now: a token of a newer key is refused.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn verify_known(&self, shown: &Shown) -> Result<Verified, Refused> {
        let judged = self.judge(shown);
        count(&judged);
        judged
    }

    fn judge(&self, shown: &Shown) -> Result<Verified, Refused> {
        let now = self.0.clock.now();
        self.0.ready(now)?;
        let text = shown.token.as_deref().ok_or(Refused::TokenMissing)?;
        let Known { claims, kid } = self.0.signed(text, now)?;
        self.0.fingerprint(&claims, shown)?;
        self.0.allowed(&claims, &kid)?;
        Ok(Verified::new(claims, kid, Arc::clone(&self.0)))
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let now = self.0.clock.now();
        Status {
            unready: self.0.readiness(now).err(),
            stale_for: self.0.stale_for(now),
            entries: self.0.denylist.len(),
            keys: self.0.keys().public().count(),
        }
    }
}

impl Status {
    /// The same as JSON, spans in seconds.
    pub fn json(&self) -> Value {
        json!({
            "ready": self.unready.is_none(),
            "reason": self.unready.map(|unready| unready.to_string()),
            "stale_for": self.stale_for.map(|span| span.as_secs_f64()),
            "entries": self.entries,
            "keys": self.keys,
        })
    }
}

fn count(judged: &Result<Verified, Refused>) {
    let code = judged.as_ref().map_or_else(|refused| refused.code().name(), |_| "OK");
    counter!("countersign_verifier_requests_total", "code" => code).increment(1);
}
