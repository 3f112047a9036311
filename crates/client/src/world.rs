use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_core::{Clock, SystemClock, Timestamp};

/// A wait, as [`World::sleep`] makes it.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a client takes from outside: time and chance. Tests give their own.
pub trait World: Send + Sync + 'static {
    /// How long ago some fixed moment was. It never goes back, whoever sets the clock of the machine.
    fn elapsed(&self) -> Duration;

    /// Waits this long.
    fn sleep(&self, span: Duration) -> Sleep;

    /// A number from 0 to less than 1, to spread what many programs would do at the same moment.
    fn chance(&self) -> f64;
}

/// The machine that the program runs on.
pub struct Machine(Mutex<Past>);

/// What had passed when somebody last asked.
struct Past {
    total: Duration,
    steady: Instant,
    clock: Timestamp,
}

impl Machine {
    /// The machine, from now on.
    pub fn new() -> Self {
        Self(Mutex::new(Past { total: Duration::ZERO, steady: instant(), clock: SystemClock.now() }))
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's steady clock")]
fn instant() -> Instant {
    Instant::now()
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}

impl World for Machine {
    /// The steady clock of most systems stands still while the machine sleeps, and the other one can be set; so
    /// the greater step of the two counts. Who sets the clock forward causes one early refresh, and nothing else.
    fn elapsed(&self) -> Duration {
        let (steady, clock) = (instant(), SystemClock.now());
        let mut past = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step = steady.saturating_duration_since(past.steady).max(clock.since(past.clock));
        *past = Past { total: past.total.saturating_add(step), steady: steady.max(past.steady), clock };
        past.total
    }

    fn sleep(&self, span: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(span))
    }

    fn chance(&self) -> f64 {
        // Each state is keyed at random; 32 bits are exact in an f64.
        let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
        f64::from(bits) / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_though_the_clock_was_set_back() {
        let machine = Machine::new();
        let before = machine.elapsed();
        machine.0.lock().unwrap().clock = Timestamp::from_secs(u64::MAX / 1000);
        assert!(machine.elapsed() >= before);
    }

    #[test]
    fn what_the_machine_slept_counts() {
        let machine = Machine::new();
        let hour = Duration::from_hours(1);
        machine.0.lock().unwrap().clock = SystemClock.now().minus(hour);
        assert!(machine.elapsed() >= hour);
    }

    #[test]
    fn chance_differs_and_is_within_bounds() {
        let machine = Machine::new();
        let drawn: Vec<f64> = (0..100).map(|_| machine.chance()).collect();
        assert!(drawn.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert!(drawn.windows(2).any(|two| two[0] < two[1]));
    }
}
