//! The checks of a request, in the order in which they are made.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{Claims, KeySet, Reject, Unverified};
use countersign_core::{Clock, Timestamp, token};

use crate::session::LiveSessions;
use crate::{DenyList, Feed, FingerprintPolicy, Policy, Refused, Shown, Staleness, Unready, Verified};

/// Checks access tokens against keys and a deny-list that a [`Feed`] keeps fresh. Clones are the same verifier.
#[derive(Clone, Debug)]
pub struct Verifier(Shared);

pub(crate) type Shared = Arc<State>;

/// What clones of a verifier, its feed and the sessions of live connections share.
pub(crate) struct State {
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    keys: ArcSwap<KeySet>,
    pub(crate) denylist: DenyList,
    pub(crate) live: LiveSessions,
    /// Up to which moment of this machine's clock, in milliseconds, everything is known; 0 before the first
    /// heartbeat.
    known_until: AtomicU64,
    /// How far the clocks were apart at the last heartbeat, in milliseconds, if that is more than the leeway.
    skew: AtomicU64,
}

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
        let shared = Arc::new(State {
            policy,
            clock,
            keys: ArcSwap::default(),
            denylist: DenyList::default(),
            live: LiveSessions::default(),
            known_until: AtomicU64::new(0),
            skew: AtomicU64::new(0),
        });
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

    /// Checks what a request shows.
    ///
    /// # Errors
    /// [`Refused`], whose [`code`](Refused::code) is the answer.
    #[expect(clippy::unused_async, reason = "asking for a key that is not known yet will wait")]
    pub async fn verify(&self, shown: &Shown) -> Result<Verified, Refused> {
        self.verify_known(shown)
    }

    /// The same by the keys that are known now: a token of a newer key is refused.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn verify_known(&self, shown: &Shown) -> Result<Verified, Refused> {
        let now = self.0.clock.now();
        self.0.ready(now)?;
        let text = shown.token.as_deref().ok_or(Refused::TokenMissing)?;
        let unverified = Unverified::parse(text)?;
        let kid: Arc<str> = unverified.kid().ok_or(Reject::KeyMissing)?.into();
        let claims = unverified.verify(&self.0.keys.load(), &self.0.policy.checks, now)?;
        self.0.fingerprint(&claims, shown)?;
        self.0.allowed(&claims, &kid)?;
        Ok(Verified::new(Arc::new(claims), kid, Arc::clone(&self.0)))
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let now = self.0.clock.now();
        Status {
            unready: self.0.readiness(now).err(),
            stale_for: self.0.stale_for(now),
            entries: self.0.denylist.len(),
            keys: self.0.keys.load().public().count(),
        }
    }
}

impl State {
    pub(crate) fn ready(&self, now: Timestamp) -> Result<(), Refused> {
        self.readiness(now).map_err(Refused::Unready)
    }

    pub(crate) fn readiness(&self, now: Timestamp) -> Result<(), Unready> {
        let stale_for = self.stale_for(now).ok_or(Unready::NeverSynced)?;
        let skew = Duration::from_millis(self.skew.load(Ordering::Relaxed));
        if !skew.is_zero() {
            return Err(Unready::Skewed(skew));
        }
        match self.policy.staleness {
            Staleness::Refuse(after) if stale_for > after => Err(Unready::Stale(stale_for)),
            _ => Ok(()),
        }
    }

    fn stale_for(&self, now: Timestamp) -> Option<Duration> {
        let known_until = self.known_until.load(Ordering::Relaxed);
        (known_until > 0).then(|| now.since(Timestamp::from_millis(known_until)))
    }

    fn fingerprint(&self, claims: &Claims, shown: &Shown) -> Result<(), Refused> {
        let missing = Refused::FingerprintMissing(self.policy.fingerprint_cookie());
        match (self.policy.fingerprint, &shown.fingerprint) {
            (FingerprintPolicy::Off, _) | (FingerprintPolicy::WhenPresent, None) => Ok(()),
            (FingerprintPolicy::Required, None) => Err(missing),
            (_, Some(cookie)) => {
                let hash = cookie.as_ref().ok().map(token::FingerprintCookie::hash);
                if hash.is_some() && hash == claims.hasura.fingerprint {
                    Ok(())
                } else {
                    Err(Refused::FingerprintMismatch)
                }
            }
        }
    }

    /// Whether nothing that a signature cannot tell speaks against the token.
    pub(crate) fn allowed(&self, claims: &Claims, kid: &str) -> Result<(), Refused> {
        if self.denylist.denies_session(claims.sid) {
            return Err(Refused::SessionEnded);
        }
        if self.denylist.denies_epoch(claims.sub, claims.cep) {
            return Err(Refused::ClaimsStale);
        }
        if self.denylist.denies_key(kid) {
            return Err(Refused::Token(Reject::KeyUnknown));
        }
        Ok(())
    }

    pub(crate) fn accept_keys(&self, keys: KeySet) {
        self.keys.store(Arc::new(keys));
    }

    pub(crate) fn apply(&self, batch: &Batch) {
        self.denylist.apply(batch, self.clock.now());
        self.live.wake(batch);
    }

    pub(crate) fn heartbeat(&self, heartbeat: Heartbeat) {
        let now = self.clock.now();
        let behind = heartbeat.now.since(heartbeat.as_of);
        // Never backwards: a node that lags takes nothing back of what another has told.
        self.known_until.fetch_max(now.minus(behind).as_millis(), Ordering::Relaxed);
        let apart = now.since(heartbeat.now).max(heartbeat.now.since(now));
        let skew = if apart > self.policy.checks.leeway { apart } else { Duration::ZERO };
        self.skew.store(u64::try_from(skew.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.policy.checks.issuer).finish_non_exhaustive()
    }
}
