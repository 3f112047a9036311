//! What happens to accounts, as it happens, whichever process wrote it.

mod gaps;

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, broadcast, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use self::gaps::Gaps;
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
/// How far back the first reading looks for numbers that are still to come.
const BACK: u64 = 1024;

/// Those who watch. While there are some, one task reads for all of them.
#[derive(Default)]
pub(super) struct Watchers(Mutex<Option<Watching>>);

struct Watching {
    to: broadcast::Sender<Event>,
    read: Gaps,
}

impl App {
    /// Every event from now on, of all accounts, and the id of the newest until then. An event that was written
    /// by a slow transaction comes after others with higher ids.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn watch(self: &Arc<Self>) -> Result<(u64, broadcast::Receiver<Event>), Error> {
        let mut watching = self.watchers.0.lock().await;
        let now = match &mut *watching {
            Some(now) => now,
            nobody => {
                let writes = self.store.writes()?;
                let read = self.begin_events().await?;
                tokio::spawn(follow(Arc::downgrade(self), writes));
                nobody.insert(Watching { to: broadcast::Sender::new(WAITING), read })
            }
        };
        // What was written until now is told to those who came before, and to them only.
        self.tell_events(now).await?;
        Ok((now.read.newest(), now.to.subscribe()))
    }

    /// Tells nobody of the last events, but learns which numbers are missing among them.
    async fn begin_events(&self) -> Result<Gaps, Error> {
        let newest = self.store.newest_event().await?;
        let mut read = Gaps::after(newest.saturating_sub(BACK));
        loop {
            let events = self.store.events_after(read.newest(), PAGE).await?;
            if events.is_empty() {
                return Ok(read);
            }
            read.note(events.iter().map(|event| event.id), self.now());
        }
    }

    /// Tells what is new.
    async fn tell_events(&self, to: &mut Watching) -> Result<(), Error> {
        let missing = to.read.missing(self.now());
        if !missing.is_empty() {
            for event in self.store.events_among(&missing).await? {
                to.read.fill(event.id);
                let _nobody = to.to.send(event);
            }
        }
        loop {
            let events = self.store.events_after(to.read.newest(), PAGE).await?;
            if events.is_empty() {
                return Ok(());
            }
            to.read.note(events.iter().map(|event| event.id), self.now());
            for event in events {
                let _nobody = to.to.send(event);
            }
        }
    }
}

/// Reads on until nobody watches.
async fn follow(app: Weak<App>, mut writes: watch::Receiver<u64>) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told = tokio::select! {
            told = writes.changed() => told.is_ok(),
            _ = look.tick() => true,
        };
        let Some(app) = app.upgrade() else { return };
        let mut watching = app.watchers.0.lock().await;
        let Some(now) = &mut *watching else { return };
        if now.to.receiver_count() == 0 || !told {
            *watching = None;
            return;
        }
        if let Err(error) = app.tell_events(now).await {
            tracing::warn!(%error, "the audit cannot be followed, and is tried again");
        }
        drop(watching);
        drop(app);
        sleep(GATHER).await;
    }
}
