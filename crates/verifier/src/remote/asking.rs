//! Fetching the keys when a token names one that is not known.

use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign_core::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::link::Link;
use crate::state::State;

/// How often the keys are fetched at most, however many unknown ones are named.
const COOL_DOWN: Duration = Duration::from_secs(5);
/// How long a request waits for a key.
const WAIT: Duration = Duration::from_secs(2);
/// How many requests may wait at once; more are refused at once.
const WAITING: usize = 1024;

/// How requests ask for a key; all who ask at once share one fetch.
#[derive(Debug)]
pub(crate) struct Asking(mpsc::Sender<oneshot::Sender<()>>);

impl Asking {
    pub(super) fn start() -> (Self, mpsc::Receiver<oneshot::Sender<()>>) {
        let (asking, asked) = mpsc::channel(WAITING);
        (Self(asking), asked)
    }

    /// Waits until the keys are as new as they can be now.
    pub(crate) async fn newest_keys(&self) {
        let (answer, answered) = oneshot::channel();
        if self.0.try_send(answer).is_ok() {
            // Too late is as good as not at all: the request is then judged by the keys that are there.
            let _late = tokio::time::timeout(WAIT, answered).await;
        }
    }
}

/// Answers those who ask, for as long as the verifier is there.
pub(super) async fn answer(
    link: Arc<Link>,
    state: Weak<State>,
    mut asked: mpsc::Receiver<oneshot::Sender<()>>,
) {
    // The stream brings them too. This is for a server whose stream is full, and a cache file that is old.
    fetch(&link, &state).await;
    let mut last: Option<Timestamp> = None;
    while let Some(waiting) = asked.recv().await {
        let Some(now) = state.upgrade().map(|state| state.clock.now()) else { return };
        // A clock that was set back cools nothing down.
        if last.is_none_or(|last| now < last || now.since(last) >= COOL_DOWN) {
            last = Some(now);
            fetch(&link, &state).await;
        }
        let _gone = waiting.send(());
    }
}

async fn fetch(link: &Link, state: &Weak<State>) {
    let Some(seen) = state.upgrade().map(|state| Arc::clone(&state.keys())) else { return };
    match (link.keys().await, state.upgrade()) {
        (Ok(keys), Some(state)) => state.accept_keys_since(&seen, keys),
        (Err(error), _) => tracing::warn!(%error, "the keys cannot be fetched"),
        (Ok(_), None) => {}
    }
}
