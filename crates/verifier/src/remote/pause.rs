//! How long to wait before the next try.

use std::time::Duration;

/// The first pause is at most this long.
const FIRST: Duration = Duration::from_millis(200);
/// No pause is longer, unless the server asks for it.
const LONGEST: Duration = Duration::from_secs(10);

/// Pauses that double, each anywhere between nothing and its length: what lost its server together with
/// thousands of others must not come back together with them.
#[derive(Debug)]
pub(super) struct Pauses {
    tries: u32,
    seed: u64,
}

impl Pauses {
    /// Two verifiers with different seeds come back at different times.
    pub(super) const fn new(seed: u64) -> Self {
        Self { tries: 0, seed }
    }

    /// That it went well: the next pause is short again.
    pub(super) const fn reset(&mut self) {
        self.tries = 0;
    }

    /// The next pause, which is `least` or longer.
    pub(super) fn next(&mut self, least: Duration) -> Duration {
        let most = FIRST.saturating_mul(1 << self.tries.min(6)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        least + most.mul_f64(self.fraction())
    }

    /// From 0 to 1, by a step of splitmix64.
    fn fraction(&mut self) -> f64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew() {
        let mut pauses = Pauses::new(1);
        let all: Vec<_> = (0..200).map(|_| pauses.next(Duration::ZERO)).collect();
        assert!(all.iter().all(|pause| *pause <= LONGEST));
        assert!(all.iter().any(|pause| *pause > LONGEST / 2));
        pauses.reset();
        assert!(pauses.next(Duration::ZERO) <= FIRST);
        assert!(pauses.next(Duration::from_secs(30)) >= Duration::from_secs(30), "what the server asked for");
        assert_ne!(Pauses::new(2).next(Duration::ZERO), Pauses::new(3).next(Duration::ZERO));
    }
}
