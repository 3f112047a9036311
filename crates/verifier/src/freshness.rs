//! How fresh the verifier's knowledge is, and whether its clock can be trusted.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::denylist::Heartbeat;

/// How many heartbeats are compared: of several, the one that was under way for the shortest time tells how the
/// clocks stand.
const COMPARED: usize = 5;
/// How many it takes until a clock is called ahead: one or two may merely have come late.
const ENOUGH: usize = 3;

/// How far this machine's clock is from the auth server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skew {
    /// It is later than the auth server's.
    Ahead(Duration),
    /// It is earlier.
    Behind(Duration),
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead(by) => write!(f, "{by:?} ahead of"),
            Self::Behind(by) => write!(f, "{by:?} behind"),
        }
    }
}

#[derive(Default)]
pub(crate) struct Freshness {
    /// This machine's time less the node's, in milliseconds, at the last few heartbeats: how far the clocks are
    /// apart, and how long the heartbeat was under way.
    apart: Mutex<VecDeque<i64>>,
    /// Up to which moment of this machine's clock, in milliseconds, everything is known; 0 before the first
    /// heartbeat.
    known_until: AtomicU64,
    /// How far the clock is ahead, in milliseconds, if that is more than the leeway.
    skew: AtomicI64,
}

impl Freshness {
    /// Takes in a heartbeat that came at `now`.
    pub(crate) fn heartbeat(&self, heartbeat: Heartbeat, now: Timestamp, leeway: Duration) {
        let mut apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
        apart.push_back(signed(now.as_millis()) - signed(heartbeat.now.as_millis()));
        while apart.len() > COMPARED {
            apart.pop_front();
        }
        let least = apart.iter().copied().min().unwrap_or_default();
        let leeway = i64::try_from(leeway.as_millis()).unwrap_or(i64::MAX);
        // Nothing arrives before it was sent: a clock that seems behind is.
        let off = least < -leeway || (least > leeway && apart.len() >= ENOUGH);
        self.skew.store(if off { least } else { 0 }, Ordering::Relaxed);
        // By this machine's clock, and no more than now: how long the heartbeat was under way counts as age.
        let known = Timestamp::from_millis(heartbeat.as_of.as_millis().saturating_add_signed(least)).min(now);
        self.known(known, now);
    }

    /// That everything is known up to a moment of this machine's clock.
    pub(crate) fn known(&self, until: Timestamp, now: Timestamp) {
        let (until, now) = (until.as_millis(), now.as_millis());
        let later = |before: u64| {
            // A node that lags takes nothing back of what another has told; a clock that was set back does.
            Some(if before > now { until } else { before.max(until) })
        };
        // The function always answers.
        let _always = self.known_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }

    /// Up to which moment of this machine's clock everything is known.
    pub(crate) fn known_until(&self) -> Option<Timestamp> {
        let known_until = self.known_until.load(Ordering::Relaxed);
        (known_until > 0).then(|| Timestamp::from_millis(known_until))
    }

    pub(crate) fn skew(&self) -> Option<Skew> {
        let skew = self.skew.load(Ordering::Relaxed);
        let by = Duration::from_millis(skew.unsigned_abs());
        match skew {
            0 => None,
            1.. => Some(Skew::Ahead(by)),
            _ => Some(Skew::Behind(by)),
        }
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const LEEWAY: Duration = Duration::from_secs(5);

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A heartbeat that a node sent at `sent`, knowing everything until then.
    fn beat(freshness: &Freshness, sent: Timestamp, now: Timestamp) {
        freshness.heartbeat(Heartbeat { as_of: sent, now: sent }, now, LEEWAY);
    }

    #[test]
    fn a_clock_that_is_off_is_named_in_both_directions() {
        for (ahead, skew) in [
            (NOW.plus(secs(60)), Some(Skew::Ahead(secs(60)))),
            (NOW.minus(secs(60)), Some(Skew::Behind(secs(60)))),
            (NOW.plus(secs(4)), None),
            (NOW.minus(secs(4)), None),
        ] {
            let freshness = Freshness::default();
            for second in 0..3 {
                beat(&freshness, NOW.plus(secs(second)), ahead.plus(secs(second)));
            }
            assert_eq!(freshness.skew(), skew);
        }
        let behind = Freshness::default();
        beat(&behind, NOW, NOW.minus(secs(60)));
        assert_eq!(behind.skew(), Some(Skew::Behind(secs(60))), "at once");
        for _ in 0..5 {
            beat(&behind, NOW, NOW);
        }
        assert_eq!(behind.skew(), None, "once the clock was set right");
    }

    #[test]
    fn heartbeats_that_a_stall_held_back_are_old_and_no_skew() {
        let freshness = Freshness::default();
        beat(&freshness, NOW, NOW);
        let stalled = NOW.plus(secs(20));
        for second in 1..4 {
            beat(&freshness, NOW.plus(secs(second)), stalled);
        }
        assert_eq!(freshness.skew(), None);
        assert_eq!(freshness.known_until(), Some(NOW.plus(secs(3))), "as old as it is");

        let first = Freshness::default();
        beat(&first, NOW, stalled);
        beat(&first, NOW.plus(secs(1)), stalled);
        assert_eq!(first.skew(), None);
        beat(&first, stalled, stalled);
        assert_eq!(first.skew(), None);
        assert_eq!(first.known_until(), Some(stalled));
    }

    #[test]
    fn a_node_that_lags_takes_nothing_back() {
        let freshness = Freshness::default();
        beat(&freshness, NOW, NOW);
        freshness.heartbeat(Heartbeat { as_of: NOW.minus(secs(9)), now: NOW }, NOW, LEEWAY);
        assert_eq!(freshness.known_until(), Some(NOW));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_the_list_fresh() {
        let freshness = Freshness::default();
        beat(&freshness, NOW, NOW.plus(secs(3)));
        beat(&freshness, NOW.plus(secs(1)), NOW);
        assert_eq!(freshness.known_until(), Some(NOW));
    }
}
