//! Tokens that were accepted before: their signatures are not verified again.
//!
//! ```text
//!  token ──► SHA-256 of header and payload ──► one of 64 shards ──► the same signature? ──► what it proved
//! ```
//!
//! Whoever finds a token here still asks for everything that can change: expiry, key, deny-list, fingerprint.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::token::Hashed;

use crate::verified::Proven;

const SHARDS: usize = 64;

/// Where a token is kept: the SHA-256 of its header and payload, as they stand. The key's name is in the header.
#[derive(Clone, Copy, PartialEq, Eq)]
struct SignedHash([u64; 4]);

impl SignedHash {
    fn of(token: &Hashed<'_>) -> Self {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(token.hash().as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        Self(words)
    }

    const fn shard(&self) -> usize {
        let [.., last] = self.0;
        #[expect(clippy::cast_possible_truncation, reason = "less than the number of shards")]
        let shard = (last % SHARDS as u64) as usize;
        shard
    }
}

impl Hash for SignedHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [first, ..] = self.0;
        state.write_u64(first);
    }
}

/// Takes a word of a hash as it is. Only accepted tokens come in, so nobody chooses the words.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

/// At most so many tokens; the oldest leave first, as they expire first.
pub(crate) struct Signatures {
    shards: Box<[Mutex<Shard>]>,
    len: AtomicUsize,
    most: usize,
    /// The shard that is swept next.
    next: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    found: HashMap<SignedHash, Arc<Proven>, BuildHasherDefault<AsItIs>>,
    /// In the order in which they came. Some may have left before their turn.
    order: VecDeque<SignedHash>,
}

impl Signatures {
    pub(crate) fn new(most: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, len: AtomicUsize::new(0), most, next: AtomicUsize::new(0) }
    }

    pub(crate) fn find(&self, token: &Hashed<'_>) -> Option<Arc<Proven>> {
        let hash = SignedHash::of(token);
        let kept = self.shard(hash.shard())?.found.get(&hash).cloned()?;
        token.has_signature(&kept.signature).then_some(kept)
    }

    pub(crate) fn insert(&self, token: &Hashed<'_>, proven: Arc<Proven>) {
        let token = SignedHash::of(token);
        let Some(mut shard) = self.shard(token.shard()) else {
            return;
        };
        while self.len() >= self.most {
            // Full with tokens of other shards: this one is not worth a walk through them.
            let Some(oldest) = shard.order.pop_front() else {
                return;
            };
            self.left(usize::from(shard.found.remove(&oldest).is_some()));
        }
        if shard.found.insert(token, proven).is_none() {
            shard.order.push_back(token);
            self.len.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lets go of what is not worth keeping, everywhere.
    pub(crate) fn retain(&self, keep: impl Fn(&Proven) -> bool) {
        (0..SHARDS).for_each(|at| self.retain_in(at, &keep));
    }

    /// The same in one shard, a next one each time.
    pub(crate) fn retain_next(&self, keep: impl Fn(&Proven) -> bool) {
        self.retain_in(self.next.fetch_add(1, Ordering::Relaxed) % SHARDS, keep);
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn retain_in(&self, at: usize, keep: impl Fn(&Proven) -> bool) {
        let Some(mut shard) = self.shard(at) else {
            return;
        };
        let before = shard.found.len();
        let Shard { found, order } = &mut *shard;
        found.retain(|_, proven| keep(proven));
        order.retain(|token| found.contains_key(token));
        self.left(before - found.len());
    }

    fn left(&self, count: usize) {
        self.len.fetch_sub(count, Ordering::Relaxed);
    }

    fn shard(&self, at: usize) -> Option<MutexGuard<'_, Shard>> {
        Some(self.shards.get(at)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
