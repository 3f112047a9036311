//! Tokens whose signature was verified before: seeing one again costs no public-key operation.
//!
//! Only the signature and what never changes about a token is remembered. Expiry, deny-list, claims epoch and
//! fingerprint are looked at each time.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::token::{Claims, Verified};

/// How many signatures are remembered unless said otherwise.
pub(crate) const DEFAULT: usize = 100_000;
/// So that threads seldom wait for each other; a power of two.
const SHARDS: usize = 64;

/// A token's SHA-256: whoever finds a second token of the same one has broken more than us.
pub(crate) type Digest = [u8; 32];

/// A token that was verified, and the key that did it.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) claims: Arc<Verified<Claims>>,
    pub(crate) kid: Arc<str>,
}

/// A bounded memory. What was not asked for since the younger half was last full is forgotten.
pub(crate) struct Signatures<K = Known> {
    shards: Box<[Mutex<Shard<K>>]>,
    /// The most that a half of a shard holds.
    half: usize,
}

struct Shard<K> {
    young: HashMap<Digest, K>,
    old: HashMap<Digest, K>,
}

impl<K: Clone> Signatures<K> {
    pub(crate) fn new(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, half: capacity.div_ceil(2 * SHARDS) }
    }

    pub(crate) fn find(&self, digest: &Digest) -> Option<K> {
        self.with(digest, |shard, half| match shard.young.get(digest) {
            Some(known) => Some(known.clone()),
            None => shard.old.remove(digest).inspect(|known| shard.insert(*digest, known.clone(), half)),
        })
    }

    pub(crate) fn insert(&self, digest: Digest, known: K) {
        self.with(&digest, |shard, half| shard.insert(digest, known, half));
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        self.with(digest, |shard, _| shard.young.remove(digest));
    }

    /// Forgets everything: the keys are others now.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            *shard.lock().unwrap_or_else(PoisonError::into_inner) = Shard::default();
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let lengths = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        });
        lengths.sum()
    }

    fn with<T: Default>(&self, digest: &Digest, act: impl FnOnce(&mut Shard<K>, usize) -> T) -> T {
        let [first, ..] = *digest;
        let shard = self.shards.get(usize::from(first) % SHARDS);
        shard.map_or_else(T::default, |shard| {
            act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner), self.half)
        })
    }
}

impl<K> Default for Shard<K> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K> Shard<K> {
    fn insert(&mut self, digest: Digest, known: K, half: usize) {
        if half == 0 {
            return;
        }
        if self.young.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, known);
    }
}

impl<K> fmt::Debug for Signatures<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatures").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u16) -> Digest {
        let [high, low] = number.to_be_bytes();
        let mut digest = [0; 32];
        (digest[0], digest[1], digest[2]) = (low, high, low);
        digest
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_asked_for() {
        let signatures = Signatures::<u16>::new(1000);
        signatures.insert(digest(0), 0);
        for number in 1..10_000 {
            signatures.insert(digest(number), number);
            assert_eq!(signatures.find(&digest(number)), Some(number));
            assert_eq!(signatures.find(&digest(0)), Some(0), "after {number} others");
            assert!(signatures.len() <= 1000 + SHARDS * 2);
        }
        assert_eq!(signatures.find(&digest(1)), None, "not asked for in a long time");
        signatures.clear();
        assert_eq!(signatures.len(), 0);
        let none = Signatures::new(0);
        none.insert(digest(1), 1);
        assert_eq!(none.find(&digest(1)), None);
    }
}
