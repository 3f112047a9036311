//! Tokens that were accepted before: their signatures are not verified again.
//!
//! ```text
//!  token ──► its last letters, hashed ──► one of 64 shards ──► the same token, to the letter? ──► what it proved
//! ```
//!
//! Whoever finds a token here still asks for everything that can change: expiry, key, deny-list, fingerprint.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::verified::Proven;

const SHARDS: usize = 64;

/// How many letters at the end of a token, all of its signature, say where it is kept: whoever guesses 192 bits of a
/// signature has no need to.
const LETTERS: usize = 32;

/// Where a token is kept: the hash of its last letters.
#[derive(Clone, Copy)]
pub(crate) struct Place(u64);

impl Place {
    const fn shard(self) -> usize {
        // The maps go by the lowest and the highest bits.
        (self.0 >> 32) as usize % SHARDS
    }
}

/// Takes a hash as it is.
#[derive(Default)]
struct AsItIs(u64);

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
    /// So that nobody outside knows which tokens share a place.
    random: RandomState,
    len: AtomicUsize,
    most: usize,
    /// The shard that is swept next.
    next: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    found: HashMap<u64, Arc<Proven>, BuildHasherDefault<AsItIs>>,
    /// In the order in which they came. Some may have left before their turn.
    order: VecDeque<u64>,
}

impl Signatures {
    pub(crate) fn new(most: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, random: RandomState::new(), len: AtomicUsize::new(0), most, next: AtomicUsize::new(0) }
    }

    /// Where a token is kept, if it is.
    pub(crate) fn place(&self, token: &str) -> Place {
        let end = token.as_bytes().last_chunk::<LETTERS>();
        Place(self.random.hash_one(end))
    }

    pub(crate) fn find(&self, place: Place, token: &str) -> Option<Arc<Proven>> {
        let kept = self.shard(place.shard())?.found.get(&place.0).cloned()?;
        (*kept.token == *token).then_some(kept)
    }

    /// Of two tokens of one place, the later is kept.
    pub(crate) fn insert(&self, place: Place, proven: Arc<Proven>) {
        let Some(mut shard) = self.shard(place.shard()) else {
            return;
        };
        while self.len() >= self.most {
            // Full with tokens of other shards: this one is not worth a walk through them.
            let Some(oldest) = shard.order.pop_front() else {
                return;
            };
            self.left(usize::from(shard.found.remove(&oldest).is_some()));
        }
        if shard.found.insert(place.0, proven).is_none() {
            shard.order.push_back(place.0);
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
