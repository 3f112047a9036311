//! How far the audit was read, and which numbers were not there then.
//!
//! Transactions do not commit in the order of their numbers. One that is missing belongs to a transaction that is
//! still under way, and comes later, or to one that was rolled back, and never does.

use std::collections::VecDeque;
use std::time::Duration;

use countersign_core::Timestamp;

/// How long a number is looked for: longer than a commit may wait for a standby that is gone.
const KEPT: Duration = Duration::from_mins(10);
/// How many are looked for at once; the oldest are given up.
const MOST: usize = 1024;

pub(super) struct Gaps {
    newest: u64,
    /// With when each was found missing, the lowest first.
    missing: VecDeque<(u64, Timestamp)>,
}

impl Gaps {
    /// Knows of nothing up to this number, and looks for nothing there.
    pub(super) const fn after(newest: u64) -> Self {
        Self { newest, missing: VecDeque::new() }
    }

    /// The highest number that was read.
    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Notes what a reading came to, the lowest number first.
    pub(super) fn note(&mut self, read: impl Iterator<Item = u64>, now: Timestamp) {
        for number in read {
            // The last of them are enough: no transaction takes as many numbers.
            let first = self.newest.saturating_add(1).max(number.saturating_sub(MOST as u64));
            self.missing.extend((first..number).map(|missing| (missing, now)));
            self.newest = self.newest.max(number);
        }
        self.missing.drain(..self.missing.len().saturating_sub(MOST));
    }

    /// The numbers to look for.
    pub(super) fn missing(&mut self, now: Timestamp) -> Vec<u64> {
        self.missing.retain(|(_, since)| now.since(*since) < KEPT);
        self.missing.iter().map(|(number, _)| *number).collect()
    }

    /// This one is there now.
    pub(super) fn fill(&mut self, number: u64) {
        self.missing.retain(|(missing, _)| *missing != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn what_was_left_out_is_looked_for_until_it_is_there_or_its_time_is_over() {
        let mut gaps = Gaps::after(10);
        gaps.note([11, 13, 16].into_iter(), NOW);
        assert_eq!((gaps.newest(), gaps.missing(NOW)), (16, vec![12, 14, 15]));
        gaps.fill(14);
        gaps.note([18].into_iter(), NOW.plus(KEPT / 2));
        assert_eq!(gaps.missing(NOW.plus(KEPT / 2)), [12, 15, 17]);
        assert_eq!(gaps.missing(NOW.plus(KEPT)), [17]);
    }

    #[test]
    fn a_leap_of_the_numbers_is_bounded() {
        let mut gaps = Gaps::after(0);
        gaps.note([u64::MAX].into_iter(), NOW);
        assert_eq!(gaps.missing(NOW).len(), MOST);
        gaps.note([u64::MAX].into_iter(), NOW);
        assert_eq!(gaps.missing(NOW).len(), MOST);
    }
}
