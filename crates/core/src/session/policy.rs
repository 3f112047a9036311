use std::time::Duration;

use crate::Timestamp;
use crate::code::EndReason;

/// The two spans that the refresh rule is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    flight_millis: u64,
    grace_millis: u64,
}

/// Why two spans cannot be the windows of the refresh rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadWindows {
    /// The flight time is zero.
    #[error("the flight time must be at least 1 ms")]
    NoFlight,
    /// Crossed answers would outlive the grace.
    #[error("the grace ({grace:?}) must be at least three times the flight time ({flight:?})")]
    ShortGrace {
        /// The flight time asked for.
        flight: Duration,
        /// The grace asked for.
        grace: Duration,
    },
}

impl Windows {
    /// Windows of these spans, cut to whole milliseconds.
    ///
    /// `flight` is the longest one request may be under way, question and answer together; `grace` is for how
    /// long after a confirm everybody gets the same answer.
    ///
    /// # Errors
    /// - [`BadWindows::NoFlight`] if `flight` is under a millisecond,
    /// - [`BadWindows::ShortGrace`] if `grace` is under three times `flight`.
    pub fn new(flight: Duration, grace: Duration) -> Result<Self, BadWindows> {
        let (flight_millis, grace_millis) = (millis(flight), millis(grace));
        if flight_millis == 0 {
            return Err(BadWindows::NoFlight);
        }
        if grace < flight.saturating_mul(3) {
            return Err(BadWindows::ShortGrace { flight, grace });
        }
        Ok(Self { flight_millis, grace_millis })
    }

    /// The longest one request may be under way (F).
    pub const fn flight(&self) -> Duration {
        Duration::from_millis(self.flight_millis)
    }

    /// For how long after a confirm everybody gets the same answer (G).
    pub const fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_millis)
    }

    /// How many whole windows lie between the two moments; none if `to` is the earlier one.
    pub(super) const fn count(&self, from: Timestamp, to: Timestamp) -> u64 {
        // Never a division by zero: `new` wants three flight times of at least a millisecond.
        to.as_millis().saturating_sub(from.as_millis()) / self.grace_millis
    }

    /// The start of the window, counted from `from`, in which `to` lies.
    pub(super) const fn start(&self, from: Timestamp, to: Timestamp) -> Timestamp {
        // Never an overflow: the result is `to` at most, or `from`.
        Timestamp::from_millis(from.as_millis() + self.count(from, to) * self.grace_millis)
    }
}

impl Default for Windows {
    /// 8 s and 30 s.
    fn default() -> Self {
        Self { flight_millis: 8_000, grace_millis: 30_000 }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// How long a session lives, and where in that life it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When the session was last used, to within a tenth of `idle`.
    pub seen_at: Timestamp,
    /// How long it lives unused.
    pub idle: Duration,
    /// How long it lives at all.
    pub absolute: Duration,
}

impl Life {
    /// Why the session is over at `now`, if it is; a life is over at its very end.
    pub fn ended(&self, now: Timestamp) -> Option<EndReason> {
        if now >= self.expires_at() {
            Some(EndReason::Absolute)
        } else if self.idle_expires_in(now).is_zero() {
            Some(EndReason::Idle)
        } else {
            None
        }
    }

    /// When it ends however much it is used.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus(self.absolute)
    }

    /// How long from `now` it lives if nobody uses it again; zero if that is over.
    pub fn idle_expires_in(&self, now: Timestamp) -> Duration {
        self.seen_at.plus(self.idle).since(now)
    }

    /// Whether `seen_at` is older than a tenth of the idle time, so that a use should write it.
    pub fn wants_seen(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) > self.idle / 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn windows_are_checked_when_made() {
        assert_eq!(Windows::new(8 * SECOND, 30 * SECOND), Ok(Windows::default()));
        assert!(Windows::new(SECOND, 3 * SECOND).is_ok());
        assert_eq!(Windows::new(Duration::from_micros(999), SECOND), Err(BadWindows::NoFlight));

        let short = Windows::new(SECOND, Duration::from_millis(2_999)).unwrap_err();
        assert_eq!(short.to_string(), "the grace (2.999s) must be at least three times the flight time (1s)");
        assert!(Windows::new(Duration::MAX, Duration::MAX).is_ok());
    }

    #[test]
    fn a_life_ends_at_its_end() {
        let life = Life {
            created_at: Timestamp::from_secs(100),
            seen_at: Timestamp::from_secs(150),
            idle: 60 * SECOND,
            absolute: 100 * SECOND,
        };
        assert_eq!(life.ended(Timestamp::from_millis(199_999)), None);
        assert_eq!(life.ended(Timestamp::from_secs(200)), Some(EndReason::Absolute));

        let unused = Life { seen_at: life.created_at, ..life };
        assert_eq!(unused.ended(Timestamp::from_millis(159_999)), None);
        assert_eq!(unused.ended(Timestamp::from_secs(160)), Some(EndReason::Idle));
        assert_eq!(unused.idle_expires_in(Timestamp::from_secs(130)), 30 * SECOND);
        assert_eq!(unused.idle_expires_in(Timestamp::from_secs(999)), Duration::ZERO);
    }

    #[test]
    fn seen_is_written_after_a_tenth_of_the_idle_time() {
        let seen_at = Timestamp::from_secs(100);
        let life = Life { created_at: seen_at, seen_at, idle: 60 * SECOND, absolute: 100 * SECOND };
        assert!(!life.wants_seen(Timestamp::from_secs(106)));
        assert!(life.wants_seen(Timestamp::from_millis(106_001)));
        assert!(!life.wants_seen(Timestamp::from_secs(1)), "a clock that was set back writes nothing");
    }
}
