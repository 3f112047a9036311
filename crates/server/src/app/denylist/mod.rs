//! The deny-list on its way from the database to those who check tokens: in this process, and over the wire.
//!
//! ```text
//!  outbox ──► follow ──► the verifier of this process ──► its replica ──► Snapshot, encoded once for all
//!  (store)        └────► Log, the last entries ─────────────────────────► Stream, one for each listener
//! ```
//!
//! A stream begins with the snapshot and goes on with the log from the place at which the snapshot was taken.

mod follow;
mod frame;
mod log;
mod snapshot;
mod stream;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign_core::denylist::Batch;
use countersign_core::{Clock, Timestamp};
use countersign_verifier::{Feed, Policy, Verifier};
use tokio::sync::{Semaphore, watch};

use self::frame::Node;
use self::log::Log;
use self::snapshot::Snapshots;
use super::bearer::LEEWAY;
use super::signing_keys::Loaded;
use super::{App, Error};
use crate::config::Settings;

/// Streams at once: each takes a connection, and half of those are left for everybody else.
const STREAMS: usize = 5_000;
/// How long a request waits for the deny-list to be read, right after the start.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// What this process knows of the deny-list, and who listens.
pub(super) struct Hub {
    node: Node,
    verifier: Verifier,
    feed: Feed,
    state: RwLock<State>,
    /// The log's newest place, for streams to wait for.
    tail: watch::Sender<u64>,
    /// Everything that was written before this moment is known here; zero before the first reading.
    as_of: watch::Sender<Timestamp>,
    snapshots: Snapshots,
    streams: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    log: Log,
    /// The keys that were told last.
    keys: Option<Arc<Loaded>>,
}

impl Hub {
    pub(super) fn new(node: [u8; 8], settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        let mut policy = Policy::new(settings.checks(LEEWAY));
        policy.sibling_hosts = !settings.cookie_domain.is_empty();
        let (verifier, feed) = Verifier::new(policy, clock);
        Self {
            node: Node::new(node),
            verifier,
            feed,
            state: RwLock::default(),
            tail: watch::Sender::new(0),
            as_of: watch::Sender::new(NEVER),
            snapshots: Snapshots::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
        }
    }

    fn as_of(&self) -> Timestamp {
        *self.as_of.borrow()
    }

    fn is_read(&self) -> bool {
        self.as_of() > NEVER
    }

    /// Tells everybody of entries. Before the first reading is done nobody listens, and the log has no use.
    fn tell(&self, batch: &Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        self.feed.apply(batch);
        if self.is_read() {
            let tail = self.read(|state| state.log.tail()) + batch.len() as u64;
            let frame = self.node.entries(tail, batch)?;
            self.write(|state| state.log.push_entries(tail, frame));
            self.tail.send_replace(tail);
        }
        Ok(())
    }

    /// Tells everybody of the keys, if they are others than before.
    fn tell_keys(&self, keys: &Arc<Loaded>) {
        if self.read(|state| state.keys.as_ref().is_some_and(|known| Arc::ptr_eq(known, keys))) {
            return;
        }
        self.feed.keys(keys.verifying().clone());
        let tail = self.write(|state| {
            state.keys = Some(Arc::clone(keys));
            state.log.push_keys()
        });
        self.tail.send_replace(tail);
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

const NEVER: Timestamp = Timestamp::from_millis(0);

impl App {
    /// The verifier of this process: as any other, fed from the database. It refuses everything until
    /// [`App::follow_denylist`] runs.
    pub fn verifier(&self) -> &Verifier {
        &self.hub.verifier
    }

    /// Waits until the deny-list has been read, at the start of the process.
    ///
    /// # Errors
    /// [`Error::Busy`] if that takes too long.
    pub async fn denylist_read(&self) -> Result<(), Error> {
        let mut as_of = self.hub.as_of.subscribe();
        let read = as_of.wait_for(|as_of| *as_of > NEVER);
        match tokio::time::timeout(READ_WITHIN, read).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::Busy(Duration::from_secs(1))),
        }
    }
}
