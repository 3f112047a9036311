//! The checks of a request, in the order in which they are made.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{Claims, FingerprintHash, KeySet, Reject, Unverified};
use countersign_core::{Clock, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::cache::{Cache, TokenHash};
use crate::counters::{self, Counters};
use crate::freshness::Freshness;
use crate::keys::Keys;
use crate::live::Live;
use crate::verified::Proven;
use crate::{
    DenyList, Feed, FingerprintPolicy, Policy, Refused, Shown, Staleness, Status, Unready, Verified,
};

/// Checks access tokens against keys and a deny-list that a [`Feed`] keeps fresh. Clones are the same verifier.
#[derive(Clone, Debug)]
pub struct Verifier(pub(crate) Shared);

pub(crate) type Shared = Arc<State>;

/// Who is told when somebody asks for the newest keys, and has answered when they are there.
pub(crate) type Asked = oneshot::Sender<()>;

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
    cache: Cache,
    pub(crate) freshness: Freshness,
    pub(crate) live: Live,
    counters: Counters,
    /// Who can be asked for newer keys.
    pub(crate) asks: OnceLock<mpsc::Sender<Asked>>,
}

impl Verifier {
    /// A verifier that knows nothing yet, and refuses everything until its feed has told it keys, the deny-list
    /// and a first heartbeat.
    pub fn new(policy: Policy, clock: Arc<dyn Clock>) -> (Self, Feed) {
        let shared = Arc::new(State::new(policy, clock, KeySet::default()));
        (Self(Arc::clone(&shared)), Feed(shared))
    }

    /// What it insists on.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Checks what a request shows. Waits only if the token names a key that is not known: the auth server is
    /// asked for its keys then, now and again.
    ///
    /// # Errors
    /// [`Refused`], whose [`code`](Refused::code) is the answer.
    pub async fn verify(&self, shown: &Shown<'_>) -> Result<Verified, Refused> {
        let judged = self.judge(shown);
        if judged.as_ref().is_err_and(|refused| *refused == Refused::Token(Reject::KeyUnknown))
            && self.0.asked_for_key_of(shown).await
        {
            return self.counted(self.judge(shown));
        }
        self.counted(judged)
    }

    /// The same by the keys that are known now: a token of a newer key is refused.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn verify_known(&self, shown: &Shown<'_>) -> Result<Verified, Refused> {
        self.counted(self.judge(shown))
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let now = self.0.clock.now();
        Status {
            unready: self.0.readiness(now).err(),
            stale_for: self.0.stale_for(now),
            entries: self.0.denylist.len(),
            keys: self.0.keys.load().set.public().count(),
            remembered: self.0.cache.len(),
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

impl State {
    pub(crate) fn new(policy: Policy, clock: Arc<dyn Clock>, own_keys: KeySet) -> Self {
        let cache = Cache::new(policy.remembered);
        let keys = ArcSwap::from_pointee(Keys::default().replaced_by(own_keys.clone()));
        Self {
            policy,
            clock,
            own_keys,
            keys,
            replacing: Mutex::default(),
            denylist: DenyList::default(),
            cache,
            freshness: Freshness::default(),
            live: Live::default(),
            counters: Counters::default(),
            asks: OnceLock::new(),
        }
    }

    pub(crate) fn ready(&self, now: Timestamp) -> Result<(), Refused> {
        self.readiness(now).map_err(Refused::Unready)
    }

    pub(crate) fn readiness(&self, now: Timestamp) -> Result<(), Unready> {
        let stale_for = self.stale_for(now).ok_or(Unready::NeverSynced)?;
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
    fn prove(&self, token: &str, shown: &Shown<'_>, now: Timestamp) -> Result<(Arc<Proven>, bool), Refused> {
        let keys = self.keys.load();
        let hash = TokenHash::of(token);
        let remembered = self.cache.find(&hash);
        if let Some(proven) = remembered.filter(|proven| proven.key.is_some_and(|key| keys.holds(key))) {
            proven.claims.check_expiry(now, self.policy.checks.leeway)?;
            self.fingerprint(&proven.claims, shown)?;
            self.allowed(&proven)?;
            return Ok((proven, true));
        }
        let unverified = Unverified::parse(token)?;
        let kid = Box::from(unverified.kid().ok_or(Reject::KeyMissing)?);
        let claims = unverified.verify(&keys.set, &self.policy.checks, now)?;
        let proven = Arc::new(Proven { claims, key: keys.number(&kid), kid });
        self.fingerprint(&proven.claims, shown)?;
        self.allowed(&proven)?;
        if proven.key.is_some() {
            self.cache.insert(hash, Arc::clone(&proven));
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

    /// Whether it is worth judging again, as the key that the token names was asked for.
    async fn asked_for_key_of(&self, shown: &Shown<'_>) -> bool {
        let Some(asks) = self.asks.get() else {
            return false;
        };
        let Some(unverified) = shown.token.and_then(|token| Unverified::parse(token).ok()) else {
            return false;
        };
        if unverified.kid().is_none_or(|kid| self.denylist.denies_key(kid)) {
            return false;
        }
        let (asked, answered) = oneshot::channel();
        asks.try_send(asked).is_ok() && answered.await.is_ok()
    }

    pub(crate) fn accept_keys(&self, mut keys: KeySet) {
        keys.join(&self.own_keys);
        let replaced = {
            let _alone = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
            let replaced = Arc::new(self.keys.load().replaced_by(keys));
            self.keys.store(Arc::clone(&replaced));
            replaced
        };
        self.cache.retain(|proven| proven.key.is_some_and(|key| replaced.holds(key)));
    }

    pub(crate) fn apply(&self, batch: &Batch) {
        self.denylist.apply(batch, self.clock.now());
        if !batch.keys.is_empty() {
            self.cache.retain(|proven| !self.denylist.denies_key(&proven.kid));
        }
        self.live.wake(batch);
    }

    pub(crate) fn heartbeat(&self, heartbeat: Heartbeat) {
        let now = self.clock.now();
        let leeway = self.policy.checks.leeway;
        self.freshness.heartbeat(heartbeat, now, leeway);
        self.denylist.forget_next(now);
        self.cache.retain_next(|proven| proven.claims.check_expiry(now, leeway).is_ok());
        self.measure(now);
    }

    /// Tells the gauges.
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    pub(crate) fn measure(&self, now: Timestamp) {
        metrics::gauge!("countersign_verifier_entries").set(self.denylist.len() as f64);
        metrics::gauge!("countersign_verifier_remembered").set(self.cache.len() as f64);
        if let Some(stale_for) = self.stale_for(now) {
            metrics::gauge!("countersign_verifier_stale_seconds").set(stale_for.as_secs_f64());
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuer", &self.policy.checks.issuer).finish_non_exhaustive()
    }
}
