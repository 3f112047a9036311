//! News of entries in the outbox, and of signing keys: of this process' own at once, of other nodes' by a notification or by looking.
//!
//! ```text
//! our commit ──► told, and NOTIFY ──► the server ──► LISTEN, on the follower's connection of each node ──► told
//!                                 or, without these:  each 50 ms somebody is told to look
//! ```
//!
//! NOTIFY comes after the commit and not in it: transactions that notify commit one after the other, each with its
//! wait for the disk and for the standby. It comes before the answer, as a command ends with that. One that is lost
//! (a crash in between) delays others by the quarter of a second after which a follower looks anyway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::connection::Connection;

pub(super) const NOTIFY: &str = "NOTIFY countersign_denylist";

/// How often somebody is told to look: while there are entries, and when there were none for a while.
const BUSY: Duration = Duration::from_millis(50);
const QUIET: Duration = Duration::from_millis(100);
/// After how many looks without an entry it is quiet.
const LOOKS: u32 = 100;

/// Shared with everything that writes.
#[derive(Clone)]
pub(super) struct News {
    written: watch::Sender<u64>,
    listens: bool,
    looking: Arc<Mutex<Option<Looking>>>,
}

struct Looking(JoinHandle<()>);

impl News {
    /// With `listens`, the server is asked to pass them on.
    pub(super) fn new(listens: bool) -> Self {
        Self { written: watch::Sender::new(0), listens, looking: Arc::default() }
    }

    /// Where notifications of other nodes go, if there are any.
    pub(super) fn of_others(&self) -> Option<watch::Sender<u64>> {
        self.listens.then(|| self.written.clone())
    }

    /// Whoever subscribes is told. The first who does begins the looking, where that is needed.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.listens && looking.is_none() {
            *looking = Some(Looking(tokio::spawn(look(self.written.clone()))));
        }
        self.written.subscribe()
    }

    /// This connection has committed some.
    pub(super) async fn tell(&self, db: &Connection) {
        told(&self.written);
        if self.listens {
            // What it tells of is committed, whether it is told or not.
            let _delayed = db.batch(NOTIFY).await;
        }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells whoever listens.
pub(super) fn told(written: &watch::Sender<u64>) {
    written.send_modify(|count| *count = count.wrapping_add(1));
}

async fn look(written: watch::Sender<u64>) {
    let (mut seen, mut quiet) = (*written.borrow(), 0);
    loop {
        tokio::time::sleep(if quiet < LOOKS { BUSY } else { QUIET }).await;
        // Somebody else has told of an entry since.
        quiet = if *written.borrow() == seen { quiet.saturating_add(1) } else { 0 };
        told(&written);
        seen = *written.borrow();
    }
}
