//! How far the auth server's clock and ours are apart.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_core::Timestamp;

use crate::Unready;

/// How many heartbeats are looked at together.
const HEARTBEATS: usize = 5;

/// The clocks' difference. A heartbeat that was long under way makes ours look ahead, and never behind: so of the
/// last few the one counts by which ours is the least ahead.
#[derive(Debug)]
pub(crate) struct Skew {
    leeway: Duration,
    /// Ours less the server's, in milliseconds.
    seen: Mutex<VecDeque<i64>>,
    /// The difference in milliseconds if it is over the leeway, else 0.
    over: AtomicU64,
}

impl Skew {
    pub(crate) const fn new(leeway: Duration) -> Self {
        Self { leeway, seen: Mutex::new(VecDeque::new()), over: AtomicU64::new(0) }
    }

    pub(crate) fn observe(&self, ours: Timestamp, servers: Timestamp) {
        let ahead = millis(ours.since(servers)) - millis(servers.since(ours));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == HEARTBEATS {
            seen.pop_front();
        }
        seen.push_back(ahead);
        let apart = seen.iter().min().copied().unwrap_or_default().unsigned_abs();
        let over = if Duration::from_millis(apart) > self.leeway { apart } else { 0 };
        if self.over.swap(over, Ordering::Relaxed) == 0 && over > 0 {
            tracing::error!(milliseconds = over, "the clocks of this machine and the auth server differ");
        }
    }

    pub(crate) fn check(&self) -> Result<(), Unready> {
        match self.over.load(Ordering::Relaxed) {
            0 => Ok(()),
            over => Err(Unready::Skewed(Duration::from_millis(over))),
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn a_slow_network_is_no_wrong_clock() {
        let skew = Skew::new(Duration::from_secs(5));
        skew.observe(SERVER, SERVER);
        for _ in 0..HEARTBEATS - 1 {
            skew.observe(SERVER.plus(Duration::from_secs(9)), SERVER);
            assert_eq!(skew.check(), Ok(()));
        }
        skew.observe(SERVER.plus(Duration::from_secs(8)), SERVER);
        assert_eq!(skew.check(), Err(Unready::Skewed(Duration::from_secs(8))), "all of the last five");
    }

    #[test]
    fn a_clock_that_is_behind_is_named_and_forgiven_when_it_is_set() {
        let skew = Skew::new(Duration::from_secs(5));
        skew.observe(SERVER, SERVER.plus(Duration::from_mins(3)));
        assert_eq!(skew.check(), Err(Unready::Skewed(Duration::from_mins(3))));
        for _ in 0..HEARTBEATS {
            skew.observe(SERVER, SERVER);
        }
        assert_eq!(skew.check(), Ok(()));
    }
}
