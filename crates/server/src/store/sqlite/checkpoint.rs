//! Copying the write-ahead log into the database, beside the writer and not in its way.
//!
//! ```text
//! commit ──► the log grew by STEP ────► the checkpointer's thread copies what it can; the writer goes on
//!        └─► and is longer than LIMIT ► the writer waits for the copy, so that the log can begin again
//! ```
//!
//! SQLite begins the log again, without truncating it, with the first commit that finds all of it copied.
//! Under load without a gap there is no such commit: new pages come while the old ones are copied. So above
//! LIMIT the writer holds still for the last of them. A pass each PERIOD bounds what a power cut can take of
//! the relaxed commits: the copy begins with a sync of the log.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use super::{OpenError, Thread, connection};

/// In pages of 4 KiB.
const STEP: u32 = 1_000;
pub(super) const LIMIT: u32 = 16_000;
const PERIOD: Duration = Duration::from_secs(10);

/// The log, as the writer sees it.
pub(super) struct Log {
    checkpointer: Arc<Checkpointer>,
    wake: SyncSender<()>,
    /// How long the last commit left it.
    pages: Arc<AtomicU32>,
    /// How long it was when it was last copied.
    copied_at: u32,
}

struct Checkpointer(Mutex<Connection>);

/// Starts the checkpointer, which ends with the log's last copy when the log is dropped.
pub(super) fn start(path: &Path) -> Result<(Log, Thread), OpenError> {
    let checkpointer = Arc::new(Checkpointer(Mutex::new(connection::open_checkpointer(path)?)));
    let (wake, woken) = sync_channel(1);
    let log = Log { checkpointer: Arc::clone(&checkpointer), wake, pages: Arc::default(), copied_at: 0 };
    let thread = Thread::start("checkpointer", move || checkpointer.run(&woken))?;
    Ok((log, thread))
}

impl Log {
    /// Follows the commits of this connection.
    pub(super) fn follow(&self, db: &mut Connection) -> rusqlite::Result<()> {
        let pages = Arc::clone(&self.pages);
        db.wal_hook(Some(move |_: &mut _, now| {
            pages.store(u32::try_from(now).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Has the log copied if the last commit made it long enough.
    pub(super) fn committed(&mut self) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.copied_at {
            self.copied_at = 0; // it began again
        }
        if pages - self.copied_at < STEP {
            return;
        }
        self.copied_at = pages;
        if pages > LIMIT {
            self.checkpointer.pass();
        } else {
            // If the channel is full, the thread has yet to wake from the last time.
            let _ = self.wake.try_send(());
        }
    }
}

impl Checkpointer {
    fn run(&self, woken: &Receiver<()>) {
        loop {
            let wake = woken.recv_timeout(PERIOD);
            self.pass();
            if wake == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    fn pass(&self) {
        let db = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It is tried again a STEP or a PERIOD later; until then the log holds what the database lacks.
        if let Err(error) = db.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE) {
            tracing::warn!(%error, "the write-ahead log could not be copied into the database");
        }
    }
}
