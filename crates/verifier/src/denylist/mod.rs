//! The replica of the deny-list: 24 bytes an entry, read without a lock.
//!
//! ```text
//!  id ──► one of 256 shards (lowest byte) ──► ArcSwap<Table> ──► slot
//! ```
//!
//! A table never changes: to add entries, their shards are made anew and swapped in, each in microseconds. What
//! has passed its time is left out on that occasion.

mod table;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use countersign_core::denylist::Batch;
use countersign_core::{SessionId, Timestamp, UserId};

use self::table::{Slot, Table};

const SHARDS: usize = 256;
/// A list is looked through once in half a minute, as heartbeats come each second.
const FORGOTTEN_AT_ONCE: usize = 8;

/// What is refused though its signature is good.
#[derive(Debug, Default)]
pub struct DenyList {
    sessions: Shards,
    epochs: Shards,
    keys: ArcSwap<HashMap<String, Timestamp>>,
    /// Held by who writes: two at once would each swap away what the other added. The shards from here on are
    /// looked through next for what has passed.
    writing: Mutex<usize>,
}

impl DenyList {
    /// Whether the session has ended.
    pub fn denies_session(&self, id: SessionId) -> bool {
        self.sessions.find(*id.as_bytes()).is_some()
    }

    /// Whether tokens of this user and epoch are out of date.
    pub fn denies_epoch(&self, user: UserId, epoch: u64) -> bool {
        self.epochs.find(*user.as_bytes()).is_some_and(|least| short(epoch) < least.epoch)
    }

    /// Whether the key was withdrawn.
    pub fn denies_key(&self, kid: &str) -> bool {
        self.keys.load().contains_key(kid)
    }

    /// Merges entries into the list; those whose time has passed at `now` are forgotten on the way.
    pub fn apply(&self, batch: &Batch, now: Timestamp) {
        let _alone = self.alone();
        let now = seconds(now);
        let sessions = batch.sessions.iter().map(|(id, until)| Slot::new(*id.as_bytes(), after(*until), 0));
        self.sessions.merge(sessions, now);
        let epochs = batch.epochs.iter();
        let epochs = epochs.map(|(id, epoch, until)| Slot::new(*id.as_bytes(), after(*until), short(*epoch)));
        self.epochs.merge(epochs, now);
        if !batch.keys.is_empty() {
            let mut keys = HashMap::clone(&self.keys.load());
            for (kid, until) in &batch.keys {
                let known = keys.entry(kid.clone()).or_insert(*until);
                *known = (*until).max(*known);
            }
            self.keys.store(Arc::new(keys));
        }
    }

    /// Lets go of every entry whose time has passed at `now`.
    pub fn forget(&self, now: Timestamp) {
        let _alone = self.alone();
        self.sessions.forget(0..SHARDS, seconds(now));
        self.epochs.forget(0..SHARDS, seconds(now));
        self.forget_keys(now);
    }

    /// The same for a few shards, the next ones each time: a list of millions never stops anybody for long.
    pub(crate) fn forget_next(&self, now: Timestamp) {
        let mut next = self.alone();
        let shards = *next..(*next + FORGOTTEN_AT_ONCE).min(SHARDS);
        *next = if shards.end == SHARDS { 0 } else { shards.end };
        self.sessions.forget(shards.clone(), seconds(now));
        self.epochs.forget(shards, seconds(now));
        self.forget_keys(now);
    }

    fn forget_keys(&self, now: Timestamp) {
        let passed = |until: &Timestamp| *until < now;
        if self.keys.load().values().any(passed) {
            let mut keys = HashMap::clone(&self.keys.load());
            keys.retain(|_, until| !passed(until));
            self.keys.store(Arc::new(keys));
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.sessions.len() + self.epochs.len() + self.keys.load().len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every entry, a shard at a time: what a snapshot is made of. Times are rounded up to the second.
    pub fn batches(&self) -> impl Iterator<Item = Batch> {
        let keys = self.keys.load().iter().map(|(kid, until)| (kid.clone(), *until)).collect();
        let sessions = self.sessions.0.iter().map(|shard| Batch {
            sessions: shard
                .load()
                .iter()
                .map(|slot| (SessionId::from_bytes(slot.id()), moment(slot.until())))
                .collect(),
            ..Batch::default()
        });
        let epochs = self.epochs.0.iter().map(|shard| Batch {
            epochs: shard
                .load()
                .iter()
                .map(|slot| (UserId::from_bytes(slot.id()), u64::from(slot.epoch), moment(slot.until())))
                .collect(),
            ..Batch::default()
        });
        let first = std::iter::once(Batch { keys, ..Batch::default() });
        first.chain(sessions).chain(epochs).filter(|batch| !batch.is_empty())
    }

    fn alone(&self) -> MutexGuard<'_, usize> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Shards(Box<[ArcSwap<Table>]>);

impl Default for Shards {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| ArcSwap::default()).collect())
    }
}

impl Shards {
    fn find(&self, id: [u8; 16]) -> Option<Slot> {
        let wanted = Slot::new(id, 0, 0);
        self.0.get(wanted.shard())?.load().find(&wanted).copied()
    }

    fn merge(&self, entries: impl Iterator<Item = Slot>, now: u32) {
        let mut by_shard: HashMap<usize, Vec<Slot>> = HashMap::new();
        for slot in entries {
            by_shard.entry(slot.shard()).or_default().push(slot);
        }
        for (at, mut slots) in by_shard {
            if let Some(shard) = self.0.get(at) {
                shard.store(Arc::new(shard.load().with(&mut slots, now)));
            }
        }
    }

    fn forget(&self, shards: Range<usize>, now: u32) {
        for shard in self.0.get(shards).unwrap_or_default() {
            if shard.load().iter().any(|slot| slot.until() < now) {
                shard.store(Arc::new(shard.load().with(&mut [], now)));
            }
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.load().len()).sum()
    }
}

fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_secs()).unwrap_or(u32::MAX)
}

/// Whole seconds, rounded up: an entry may stay too long, and never too short.
fn after(at: Timestamp) -> u32 {
    seconds(at).saturating_add(1)
}

fn moment(seconds: u32) -> Timestamp {
    Timestamp::from_secs(seconds.into())
}

/// An epoch in 32 bits; one over that counts as the highest, for which no token is new enough.
fn short(epoch: u64) -> u32 {
    u32::try_from(epoch).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn session(number: u64) -> SessionId {
        let spread = u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        SessionId::from_bytes((u128::from(NOW.as_millis()) << 80 | spread).to_be_bytes())
    }

    fn ended(ids: impl Iterator<Item = u64>, until: Timestamp) -> Batch {
        Batch { sessions: ids.map(|id| (session(id), until)).collect(), ..Batch::default() }
    }

    #[test]
    fn what_was_applied_is_denied_and_nothing_else() {
        let list = DenyList::default();
        assert!(list.is_empty() && !list.denies_session(session(1)));
        let until = NOW.plus(std::time::Duration::from_secs(10));
        for chunk in 0..10 {
            list.apply(&ended(chunk * 1000..(chunk + 1) * 1000, until), NOW);
        }
        list.apply(&ended(0..500, until), NOW);
        assert_eq!(list.len(), 10_000);
        assert!((0..10_000).all(|id| list.denies_session(session(id))));
        assert!((10_000..20_000).all(|id| !list.denies_session(session(id))));
        assert_eq!(list.batches().map(|batch| batch.len()).sum::<usize>(), 10_000);
    }

    #[test]
    fn the_later_end_and_the_greater_epoch_count() {
        let list = DenyList::default();
        let user = UserId::from_bytes([9; 16]);
        let at = |seconds| NOW.plus(std::time::Duration::from_secs(seconds));
        for (epoch, until) in [(3, at(10)), (2, at(20))] {
            list.apply(&Batch { epochs: vec![(user, epoch, until)], ..Batch::default() }, NOW);
        }
        list.forget(at(15));
        assert!(list.denies_epoch(user, 2) && !list.denies_epoch(user, 3));
        list.forget(at(30));
        assert!(!list.denies_epoch(user, 2));
        assert!(list.is_empty());
    }

    #[test]
    fn a_withdrawn_key_is_denied_until_its_tokens_are_dead() {
        let list = DenyList::default();
        list.apply(&Batch { keys: vec![("k".into(), NOW)], ..Batch::default() }, NOW);
        list.forget(NOW);
        assert!(list.denies_key("k") && !list.denies_key("other"));
        list.forget(NOW.plus(std::time::Duration::from_secs(1)));
        assert!(!list.denies_key("k"));
    }
}
