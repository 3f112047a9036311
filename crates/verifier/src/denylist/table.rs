//! One shard of the replica: a hash table that is made once and then only read.

use std::cmp::Ordering;

/// An entry in 24 bytes. Ids are random in their low half, so that half is the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// The low half, turned so that the two bits of the UUID's variant, the same in all ids, come last.
    hash: u64,
    high: u64,
    /// The entry's `not_after`, in whole seconds, rounded up. Zero in an empty slot.
    until: u32,
    /// The epoch, for a user; a value over 32 bits stands for all that are.
    pub(super) epoch: u32,
}

const EMPTY: Slot = Slot { hash: 0, high: 0, until: 0, epoch: 0 };

impl Slot {
    pub(super) fn new(id: [u8; 16], until: u32, epoch: u32) -> Self {
        let id = u128::from_be_bytes(id);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let (high, low) = ((id >> 64) as u64, id as u64);
        Self { hash: low.rotate_left(2), high, until: until.max(1), epoch }
    }

    pub(super) fn id(&self) -> [u8; 16] {
        (u128::from(self.high) << 64 | u128::from(self.hash.rotate_right(2))).to_be_bytes()
    }

    pub(super) const fn until(&self) -> u32 {
        self.until
    }

    /// The bits that choose the shard: the lowest of the id, as the highest of the hash choose the place in it.
    pub(super) const fn shard(&self) -> usize {
        (self.hash >> 2 & 0xff) as usize
    }

    /// The order in a table: that of the hash.
    fn order(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then(self.high.cmp(&other.high))
    }

    /// Of two entries of one id, what both say.
    fn merge(&mut self, other: &Self) {
        self.until = self.until.max(other.until);
        self.epoch = self.epoch.max(other.epoch);
    }
}

/// Open addressing with linear probing, in the order of the hashes, so that an id that is not there is missed at
/// the first slot that is empty or of a greater hash. Four fifths full.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Box<[Slot]>,
    len: usize,
    /// How many slots may be a home; those behind them take what is pushed over the end.
    homes: usize,
}

impl Table {
    /// The entries of this table that are still needed at `now`, and `more`.
    pub(super) fn with(&self, more: &mut [Slot], now: u32) -> Self {
        more.sort_unstable_by(Slot::order);
        let mut slots: Vec<Slot> = Vec::with_capacity(self.len + more.len());
        let mut kept = self.iter().filter(|slot| slot.until >= now).peekable();
        let mut more = more.iter().peekable();
        loop {
            let next = match (kept.peek(), more.peek()) {
                (Some(old), Some(new)) if old.order(new).is_le() => kept.next(),
                (Some(_), None) => kept.next(),
                (_, Some(_)) => more.next(),
                (None, None) => break,
            };
            match (slots.last_mut(), next) {
                (Some(last), Some(next)) if last.order(next).is_eq() => last.merge(next),
                (_, Some(next)) => slots.push(*next),
                (_, None) => break,
            }
        }
        Self::of(&slots)
    }

    /// The table of these, which are in order.
    fn of(sorted: &[Slot]) -> Self {
        let homes = sorted.len() + sorted.len() / 4;
        let mut slots = Vec::with_capacity(homes + 1);
        for slot in sorted {
            let home = home(slot, homes);
            if slots.len() < home {
                slots.resize(home, EMPTY);
            }
            slots.push(*slot);
        }
        Self { slots: slots.into_boxed_slice(), len: sorted.len(), homes }
    }

    pub(super) fn find(&self, wanted: &Slot) -> Option<&Slot> {
        let from = self.slots.get(home(wanted, self.homes)..)?;
        let first = from.iter().position(|slot| slot.until == 0 || slot.hash >= wanted.hash)?;
        // More than one only if the low halves of ids are the same: those stand side by side.
        let same = from.get(first..)?.iter().take_while(|slot| slot.until != 0 && slot.hash == wanted.hash);
        same.into_iter().find(|slot| slot.high == wanted.high)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.until != 0)
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

/// The place where the search for a slot begins: the hash, scaled to the table.
fn home(slot: &Slot, homes: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "less than the number of slots")]
    let home = ((u128::from(slot.hash) * homes as u128) >> 64) as usize;
    home
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(high: u64, low: u64) -> [u8; 16] {
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    #[test]
    fn ids_of_the_same_hash_the_first_and_the_last_are_found() {
        let ids: Vec<_> = [0, 1, u64::MAX / 2, u64::MAX]
            .into_iter()
            .flat_map(|low| (0..50).map(move |high| id(high, low)))
            .collect();
        let mut table = Table::default();
        for piece in ids.chunks(7) {
            let mut more: Vec<_> = piece.iter().map(|id| Slot::new(*id, 9, 0)).collect();
            table = table.with(&mut more, 1);
        }
        assert_eq!(table.len(), ids.len());
        assert!(ids.iter().all(|id| table.find(&Slot::new(*id, 0, 0)).is_some_and(|slot| slot.id() == *id)));
        for low in [0, 1, 2, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            assert!(table.find(&Slot::new(id(50, low), 0, 0)).is_none());
        }
        assert_eq!(table.with(&mut [], 10).len(), 0, "all have passed");
        assert!(Table::default().find(&Slot::new(id(1, 1), 0, 0)).is_none());
    }

    #[test]
    fn it_is_four_fifths_full_whatever_came_twice() {
        let entry = |number: u64| Slot::new(id(number, number.wrapping_mul(0x9e37_79b9_7f4a_7c15)), 9, 0);
        let mut all: Vec<_> = (0..3000).map(entry).collect();
        let table = Table::default().with(&mut all, 1).with(&mut all.clone(), 1);
        assert_eq!(table.len(), 3000);
        assert!(table.slots.len() < 3850, "{}", table.slots.len());
    }
}
