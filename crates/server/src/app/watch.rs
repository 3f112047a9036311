//! What happens to accounts, as it happens, whichever process wrote it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, broadcast, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{App, Error};
use crate::store::Event;

/// How often the audit is read though nothing was heard of a write: some are not told.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long events gather between two readings.
const GATHER: Duration = Duration::from_millis(10);
/// Events that may wait for somebody who is slow.
const WAITING: usize = 1024;
/// Events that are read at once.
const PAGE: u32 = 256;

/// Those who watch. While there are some, one task reads for all of them.
#[derive(Default)]
pub(super) struct Watchers(Mutex<Option<broadcast::Sender<Event>>>);

impl App {
    /// Every event from now on, of all accounts; perhaps some of just before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn watch(self: &Arc<Self>) -> Result<broadcast::Receiver<Event>, Error> {
        let mut sender = self.watchers.0.lock().await;
        if let Some(sender) = &*sender {
            return Ok(sender.subscribe());
        }
        let writes = self.store.writes()?;
        let newest = self.store.newest_event().await?;
        let (events, receiver) = broadcast::channel(WAITING);
        tokio::spawn(follow(Arc::downgrade(self), writes, events.clone(), newest));
        *sender = Some(events);
        Ok(receiver)
    }

    /// The id of the newest event of all accounts.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest_event(&self) -> Result<u64, Error> {
        Ok(self.store.newest_event().await?)
    }

    /// Tells what is new, and answers up to which event.
    async fn tell_events(&self, to: &broadcast::Sender<Event>, mut after: u64) -> Result<u64, Error> {
        loop {
            let events = self.store.events_after(after, PAGE).await?;
            let Some(last) = events.last() else { return Ok(after) };
            after = last.id;
            for event in events {
                let _nobody = to.send(event);
            }
        }
    }
}

/// Reads on until nobody watches.
async fn follow(
    app: Weak<App>,
    mut writes: watch::Receiver<u64>,
    to: broadcast::Sender<Event>,
    mut after: u64,
) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told = tokio::select! {
            told = writes.changed() => told.is_ok(),
            _ = look.tick() => true,
        };
        let Some(app) = app.upgrade() else { return };
        if to.receiver_count() == 0 || !told {
            let mut sender = app.watchers.0.lock().await;
            // Somebody may have come while the lock was waited for.
            if to.receiver_count() == 0 || !told {
                *sender = None;
                return;
            }
        }
        match app.tell_events(&to, after).await {
            Ok(newest) => after = newest,
            Err(error) => tracing::warn!(%error, "the audit cannot be followed, and is tried again"),
        }
        drop(app);
        sleep(GATHER).await;
    }
}
