//! One shard of the replica: a hash table that is made once and then only read.

/// An entry in 24 bytes. Ids are random in their low half, so that half is the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    high: u64,
    low: u64,
    /// The entry's `not_after`, in whole seconds, rounded up. Zero in an empty slot.
    until: u32,
    /// The epoch, for a user; a value over 32 bits stands for all that are.
    pub(super) epoch: u32,
}

const EMPTY: Slot = Slot { high: 0, low: 0, until: 0, epoch: 0 };

impl Slot {
    pub(super) fn new(id: [u8; 16], until: u32, epoch: u32) -> Self {
        let id = u128::from_be_bytes(id);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let (high, low) = ((id >> 64) as u64, id as u64);
        Self { high, low, until: until.max(1), epoch }
    }

    pub(super) fn id(&self) -> [u8; 16] {
        (u128::from(self.high) << 64 | u128::from(self.low)).to_be_bytes()
    }

    pub(super) const fn until(&self) -> u32 {
        self.until
    }

    /// The bits that choose the shard: the lowest, as the highest choose the place in it.
    pub(super) const fn shard(&self) -> usize {
        (self.low & 0xff) as usize
    }

    const fn is(&self, other: &Self) -> bool {
        self.low == other.low && self.high == other.high
    }

    /// Of two entries of one id, what both say.
    fn merge(&mut self, other: &Self) {
        self.until = self.until.max(other.until);
        self.epoch = self.epoch.max(other.epoch);
    }
}

/// Open addressing with linear probing; two thirds full at most, so that an id that is not there is missed after
/// five slots on average.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    len: usize,
}

impl Table {
    /// The entries of this table that are still needed at `now`, and `more`.
    pub(super) fn with(&self, more: &[Slot], now: u32) -> Self {
        let kept = || self.iter().filter(|slot| slot.until >= now);
        // What is here already takes no second place: a snapshot repeats nearly everything.
        let most = kept().count() + more.iter().filter(|slot| self.find(slot).is_none()).count();
        let mut next = Self { slots: vec![EMPTY; most + most / 2 + 1], len: 0 };
        for slot in kept().chain(more) {
            next.insert(*slot);
        }
        next
    }

    pub(super) fn find(&self, wanted: &Slot) -> Option<&Slot> {
        self.probe(wanted).find(|slot| slot.until == 0 || slot.is(wanted)).filter(|slot| slot.until != 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.until != 0)
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    fn insert(&mut self, slot: Slot) {
        let at = self.home(&slot);
        let (before, after) = self.slots.split_at_mut(at);
        for place in after.iter_mut().chain(before) {
            if place.until == 0 {
                *place = slot;
                self.len += 1;
                return;
            }
            if place.is(&slot) {
                place.merge(&slot);
                return;
            }
        }
    }

    /// From the slot's home on, once around.
    fn probe(&self, slot: &Slot) -> impl Iterator<Item = &Slot> {
        let (before, after) = self.slots.split_at(self.home(slot));
        after.iter().chain(before)
    }

    /// The place where the search begins: the hash, scaled to the table. The two highest bits are those of the
    /// UUID's variant, and the same in all ids.
    fn home(&self, slot: &Slot) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "less than the number of slots")]
        let home = ((u128::from(slot.low << 2) * self.slots.len() as u128) >> 64) as usize;
        home
    }
}
