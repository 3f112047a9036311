//! The database's time, so that every node judges a session by one clock.
//!
//! ```text
//! each 2 s:   before ── SELECT clock_timestamp() ── after      the database's time at the middle of the two
//! between:    that, and what this machine's steady clock has counted since
//! ```
//!
//! So a wall clock that is set hours forward ends no session, and a node that is wrong is only taken out of service.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_core::{Clock, Timestamp};

/// A measurement that took longer says too little.
const LONGEST_JOURNEY: Duration = Duration::from_millis(500);

/// A clock that tells the database's time.
pub struct DatabaseClock {
    started: Instant,
    /// The database's time at `started`, in milliseconds.
    then: AtomicU64,
}

impl DatabaseClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a clock: the steady one counts between two looks at the other"
    )]
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), then: AtomicU64::new(0) }
    }

    /// How long it has run.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Learns that the database's time was `now` between two moments of [`elapsed`](Self::elapsed).
    pub(super) fn set(&self, before: Duration, now: Timestamp, after: Duration) {
        let journey = after.saturating_sub(before);
        if self.then.load(Ordering::Relaxed) == 0 || journey < LONGEST_JOURNEY {
            self.then.store(now.minus(before + journey / 2).as_millis(), Ordering::Relaxed);
        }
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.then.load(Ordering::Relaxed)).plus(self.elapsed())
    }
}
