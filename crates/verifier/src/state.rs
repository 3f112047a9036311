//! What a verifier knows, and how it looks a token up in it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{Claims, FingerprintHash, KeySet, Reject, Unverified};
use countersign_core::{Clock, Timestamp};
use tokio::sync::Notify;

use crate::counters::Counters;
use crate::freshness::Freshness;
use crate::keys::Keys;
use crate::live::Live;
use crate::signatures::Signatures;
use crate::verified::Proven;
use crate::{DenyList, FingerprintPolicy, Policy, Refused, Shown, Staleness, Unready};

pub(crate) type Shared = Arc<State>;

/// What clones of a verifier, its feed and the sessions of live connections share.
pub(crate) struct State {
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    /// Keys that count whatever the feed says: shared secrets.
    own_keys: KeySet,
    keys: ArcSwap<Keys>,
    /// Held by who replaces the keys.
    replacing: Mutex<()>,
    pub(crate) denylist: DenyList,
    pub(crate) signatures: Signatures,
    pub(crate) freshness: Freshness,
    pub(crate) live: Live,
    /// A heartbeat has come.
    pub(crate) told: Notify,
    /// The auth server has refused the service key, and has not taken it since.
    pub(crate) key_refused: AtomicBool,
    pub(crate) counters: Counters,
    #[cfg(feature = "remote")]
    asking: Option<crate::remote::Asking>,
    #[cfg(feature = "remote")]
    tasks: std::sync::OnceLock<crate::remote::Tasks>,
}

impl State {
    pub(crate) fn new(policy: Policy, clock: Arc<dyn Clock>) -> Self {
        Self {
            signatures: Signatures::new(policy.signatures),
            policy,
            clock,
            own_keys: KeySet::default(),
            keys: ArcSwap::default(),
            replacing: Mutex::default(),
            denylist: DenyList::default(),
            freshness: Freshness::default(),
            live: Live::default(),
            told: Notify::new(),
            key_refused: AtomicBool::new(false),
            counters: Counters::default(),
            #[cfg(feature = "remote")]
            asking: None,
            #[cfg(feature = "remote")]
            tasks: std::sync::OnceLock::new(),
        }
    }

    /// With somebody who can be asked for newer keys, and keys that count whatever is published.
    #[cfg(feature = "remote")]
    pub(crate) fn remote(
        policy: Policy,
        clock: Arc<dyn Clock>,
        asking: crate::remote::Asking,
        own_keys: KeySet,
    ) -> Self {
        let mut state = Self::new(policy, clock);
        (state.asking, state.own_keys) = (Some(asking), own_keys);
        state
    }

    #[cfg(feature = "remote")]
    pub(crate) fn keep(&self, tasks: crate::remote::Tasks) {
        let _first = self.tasks.set(tasks);
    }

    pub(crate) fn ready(&self, now: Timestamp) -> Result<(), Refused> {
        self.readiness(now).map_err(Refused::Unready)
    }

    pub(crate) fn readiness(&self, now: Timestamp) -> Result<(), Unready> {
        let Some(stale_for) = self.stale_for(now) else {
            let refused = self.key_refused.load(Ordering::Relaxed);
            return Err(if refused { Unready::ServiceKey } else { Unready::NeverSynced });
        };
        if let Some(skew) = self.freshness.skew() {
            return Err(Unready::Skewed(skew));
        }
        match self.policy.staleness {
            Staleness::Refuse(after) if stale_for > after => Err(Unready::Stale(stale_for)),
            _ => Ok(()),
        }
    }

    /// For how long the verifier answers if no news come; `None` if for ever.
    pub(crate) fn fresh_for(&self, now: Timestamp) -> Option<Duration> {
        match self.policy.staleness {
            Staleness::Refuse(after) => Some(self.freshness.known_until()?.plus(after).since(now)),
            Staleness::AllowUntilExpiry(_) => None,
        }
    }

    pub(crate) fn stale_for(&self, now: Timestamp) -> Option<Duration> {
        self.freshness.known_until().map(|known_until| now.since(known_until))
    }

    /// What the token proves, and whether that was known already.
    pub(crate) fn prove(
        &self,
        token: &str,
        shown: &Shown<'_>,
        now: Timestamp,
    ) -> Result<(Arc<Proven>, bool), Refused> {
        let keys = self.keys.load();
        let place = self.signatures.place(token);
        let remembered = self.signatures.find(place, token);
        if let Some(proven) = remembered.filter(|proven| proven.key.is_some_and(|key| keys.holds(key))) {
            proven.claims.check_expiry(now, self.policy.checks.leeway)?;
            self.fingerprint(&proven.claims, shown)?;
            self.allowed(&proven)?;
            return Ok((proven, true));
        }
        let unverified = Unverified::parse_by(&keys.set, token)?;
        let (kid, key) = keys.named(unverified.kid().ok_or(Reject::KeyMissing)?);
        let claims = unverified.verify(&keys.set, &self.policy.checks, now)?;
        let proven = Arc::new(Proven { claims, kid, key, token: token.into() });
        self.fingerprint(&proven.claims, shown)?;
        self.allowed(&proven)?;
        if proven.key.is_some() {
            self.signatures.insert(place, Arc::clone(&proven));
        }
        Ok((proven, false))
    }

    fn fingerprint(&self, claims: &Claims, shown: &Shown<'_>) -> Result<(), Refused> {
        match (self.policy.fingerprint, shown.fingerprint) {
            (FingerprintPolicy::Off, _) | (FingerprintPolicy::WhenPresent, None) => Ok(()),
            (FingerprintPolicy::Required, None) => {
                Err(Refused::FingerprintMissing(self.policy.fingerprint_cookie()))
            }
            (_, Some(cookie)) => {
                let hash = FingerprintHash::of_cookie(cookie).ok();
                if hash.is_some() && hash == claims.hasura.fingerprint {
                    Ok(())
                } else {
                    Err(Refused::FingerprintMismatch)
                }
            }
        }
    }

    /// Whether nothing that a signature cannot tell speaks against the token.
    pub(crate) fn allowed(&self, proven: &Proven) -> Result<(), Refused> {
        let claims = &proven.claims;
        if self.denylist.denies_session(claims.sid) {
            return Err(Refused::SessionEnded);
        }
        if self.denylist.denies_epoch(claims.sub, claims.cep) {
            return Err(Refused::ClaimsStale);
        }
        if self.denylist.denies_key(&proven.kid) {
            return Err(Refused::Token(Reject::KeyUnknown));
        }
        Ok(())
    }

    /// Waits for newer keys, where they come from somewhere that can be asked; false if that is no use.
    #[cfg(feature = "remote")]
    pub(crate) async fn newer_keys(&self, shown: &Shown<'_>) -> bool {
        let unverified = shown.token.and_then(|token| Unverified::parse(token).ok());
        let kid = unverified.as_ref().and_then(Unverified::kid);
        match (&self.asking, kid) {
            // One that was withdrawn will not come back.
            (Some(asking), Some(kid)) if !self.denylist.denies_key(kid) => {
                asking.newest_keys().await;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn keys(&self) -> Guard<Arc<Keys>> {
        self.keys.load()
    }

    /// New keys, unless they have changed since `seen`: then those that came meanwhile are as new.
    #[cfg(feature = "remote")]
    pub(crate) fn accept_keys_since(&self, seen: &Arc<Keys>, keys: KeySet) {
        if Arc::ptr_eq(seen, &self.keys()) {
            self.accept_keys(keys);
        }
    }

    pub(crate) fn accept_keys(&self, mut keys: KeySet) {
        keys.join(&self.own_keys);
        let replaced = {
            let _alone = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
            let replaced = Arc::new(self.keys.load().replaced_by(keys));
            self.keys.store(Arc::clone(&replaced));
            replaced
        };
        self.signatures.retain(|proven| proven.key.is_some_and(|key| replaced.holds(key)));
    }

    pub(crate) fn apply(&self, batch: &Batch) {
        self.denylist.apply(batch, self.clock.now());
        if !batch.keys.is_empty() {
            self.signatures.retain(|proven| !self.denylist.denies_key(&proven.kid));
        }
        self.live.wake(batch);
    }

    pub(crate) fn heartbeat(&self, heartbeat: Heartbeat) {
        let now = self.clock.now();
        let leeway = self.policy.checks.leeway;
        self.freshness.heartbeat(heartbeat, now, leeway);
        self.told.notify_waiters();
        self.denylist.forget_next(now);
        self.signatures.retain_next(|proven| proven.claims.check_expiry(now, leeway).is_ok());
    }
}

#[cfg(feature = "remote")]
impl Drop for State {
    fn drop(&mut self) {
        if let Some(tasks) = self.tasks.take() {
            tasks.end(self);
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.policy.checks.issuer).finish_non_exhaustive()
    }
}
