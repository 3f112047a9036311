//! A world whose time moves only when told to.

use std::sync::Arc;
use std::time::Duration;

use countersign_client::{Sleep, World};
use tokio::sync::watch;

pub(crate) struct ManualTime {
    now: watch::Sender<Duration>,
    /// When those who sleep want to wake.
    asleep: watch::Sender<Vec<Duration>>,
}

impl ManualTime {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { now: watch::Sender::new(Duration::ZERO), asleep: watch::Sender::default() })
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.now.send_modify(|now| *now += span);
    }

    /// How many sleep.
    pub(crate) fn sleepers(&self) -> usize {
        self.asleep.borrow().len()
    }

    /// Waits until somebody sleeps for a span within these bounds, and answers what is left of it.
    pub(crate) async fn asleep(&self, spans: std::ops::Range<Duration>) -> Duration {
        let now = *self.now.borrow();
        let left = |until: &Duration| until.saturating_sub(now);
        let mut asleep = self.asleep.subscribe();
        let found = asleep.wait_for(|all| all.iter().map(left).any(|left| spans.contains(&left))).await;
        found.unwrap().iter().map(left).find(|left| spans.contains(left)).unwrap()
    }
}

/// Wakes when its time has come, and is no longer counted when dropped.
struct Sleeper {
    asleep: watch::Sender<Vec<Duration>>,
    until: Duration,
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.asleep.send_modify(|all| {
            let at = all.iter().position(|until| *until == self.until).unwrap();
            all.swap_remove(at);
        });
    }
}

impl World for ManualTime {
    fn elapsed(&self) -> Duration {
        *self.now.borrow()
    }

    fn sleep(&self, span: Duration) -> Sleep {
        let until = self.elapsed() + span;
        self.asleep.send_modify(|all| all.push(until));
        let sleeper = Sleeper { asleep: self.asleep.clone(), until };
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The whole of it, or it would be dropped before the wait begins.
            let sleeper = sleeper;
            now.wait_for(|now| *now >= sleeper.until).await.unwrap();
        })
    }

    fn chance(&self) -> f64 {
        0.6
    }
}
