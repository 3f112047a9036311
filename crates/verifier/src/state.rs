//! What a verifier knows, and how it looks a token up in it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::digest::{SHA256, digest};
use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{Claims, KeySet, Reject, Unverified};
use countersign_core::{Clock, Timestamp, token};

use crate::session::LiveSessions;
use crate::signatures::{Digest, Known, Signatures};
use crate::skew::Skew;
use crate::{DenyList, FingerprintPolicy, Policy, Refused, Shown, Staleness, Unready};

pub(crate) type Shared = Arc<State>;

/// What clones of a verifier, its feed and the sessions of live connections share.
pub(crate) struct State {
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    keys: ArcSwap<KeySet>,
    signatures: Signatures,
    pub(crate) denylist: DenyList,
    pub(crate) live: LiveSessions,
    /// Up to which moment of this machine's clock, in milliseconds, everything is known; 0 before the first
    /// heartbeat.
    known_until: AtomicU64,
    skew: Skew,
    #[cfg(feature = "remote")]
    asking: Option<crate::remote::Asking>,
    #[cfg(feature = "remote")]
    tasks: std::sync::OnceLock<crate::remote::Tasks>,
}

impl State {
    pub(crate) fn new(policy: Policy, clock: Arc<dyn Clock>, signatures: usize) -> Self {
        Self {
            skew: Skew::new(policy.checks.leeway),
            policy,
            clock,
            keys: ArcSwap::default(),
            signatures: Signatures::new(signatures),
            denylist: DenyList::default(),
            live: LiveSessions::default(),
            known_until: AtomicU64::new(0),
            #[cfg(feature = "remote")]
            asking: None,
            #[cfg(feature = "remote")]
            tasks: std::sync::OnceLock::new(),
        }
    }

    #[cfg(feature = "remote")]
    pub(crate) fn with_asking(self, asking: crate::remote::Asking) -> Self {
        Self { asking: Some(asking), ..self }
    }

    /// The claims of a token whose signature is good and which has not expired, from memory if it was seen
    /// before.
    pub(crate) fn signed(&self, text: &str, now: Timestamp) -> Result<Known, Refused> {
        let digest = sha256(text);
        if let Some(known) = self.signatures.find(&digest) {
            return match known.claims.check_expiry(now, self.policy.checks.leeway) {
                Ok(()) => Ok(known),
                Err(expired) => {
                    self.signatures.remove(&digest);
                    Err(expired.into())
                }
            };
        }
        let unverified = Unverified::parse(text)?;
        let kid: Arc<str> = unverified.kid().ok_or(Reject::KeyMissing)?.into();
        let keys = self.keys();
        let claims = Arc::new(unverified.verify(&keys, &self.policy.checks, now)?);
        let known = Known { claims, kid };
        self.signatures.insert(digest, known.clone());
        // Other keys may have come meanwhile, and the memory been cleared: then this one may be of an old key.
        if !Arc::ptr_eq(&keys, &self.keys()) {
            self.signatures.remove(&digest);
        }
        Ok(known)
    }

    pub(crate) fn ready(&self, now: Timestamp) -> Result<(), Refused> {
        self.readiness(now).map_err(Refused::Unready)
    }

    pub(crate) fn readiness(&self, now: Timestamp) -> Result<(), Unready> {
        let stale_for = self.stale_for(now).ok_or(Unready::NeverSynced)?;
        self.skew.check()?;
        match self.policy.staleness {
            Staleness::Refuse(after) if stale_for > after => Err(Unready::Stale(stale_for)),
            _ => Ok(()),
        }
    }

    pub(crate) fn stale_for(&self, now: Timestamp) -> Option<Duration> {
        let known_until = self.known_until.load(Ordering::Relaxed);
        (known_until > 0).then(|| now.since(Timestamp::from_millis(known_until)))
    }

    pub(crate) fn fingerprint(&self, claims: &Claims, shown: &Shown) -> Result<(), Refused> {
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

    pub(crate) fn keys(&self) -> Guard<Arc<KeySet>> {
        self.keys.load()
    }

    pub(crate) fn accept_keys(&self, keys: KeySet) {
        let before = self.keys.swap(Arc::new(keys));
        if before.to_jwks() != self.keys().to_jwks() {
            self.signatures.clear();
        }
    }

    /// Waits for newer keys, where they come from somewhere that can be asked.
    pub(crate) async fn newer_keys(&self) -> bool {
        #[cfg(feature = "remote")]
        if let Some(asking) = &self.asking {
            asking.newest_keys().await;
            return true;
        }
        false
    }

    /// Up to when everything is known.
    #[cfg(feature = "remote")]
    pub(crate) fn synced(&self) -> Option<Timestamp> {
        let known_until = self.known_until.load(Ordering::Relaxed);
        (known_until > 0).then(|| Timestamp::from_millis(known_until))
    }

    #[cfg(feature = "remote")]
    pub(crate) fn keep(&self, tasks: crate::remote::Tasks) {
        let _first = self.tasks.set(tasks);
    }

    /// That everything is known up to this moment of our clock. Never backwards: a node that lags takes nothing
    /// back of what another has told.
    pub(crate) fn known_until(&self, moment: Timestamp) {
        self.known_until.fetch_max(moment.as_millis(), Ordering::Relaxed);
    }

    pub(crate) fn apply(&self, batch: &Batch) {
        self.denylist.apply(batch, self.clock.now());
        self.live.wake(batch);
    }

    pub(crate) fn heartbeat(&self, heartbeat: Heartbeat) {
        let now = self.clock.now();
        self.known_until(now.minus(heartbeat.now.since(heartbeat.as_of)));
        self.skew.observe(now, heartbeat.now);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.policy.checks.issuer).finish_non_exhaustive()
    }
}

fn sha256(text: &str) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    out
}
