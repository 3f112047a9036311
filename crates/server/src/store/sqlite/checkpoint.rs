//! Copying the write-ahead log into the database, beside the writer and not in its commits.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// A shorter log is left alone, for as long as a minute.
const WORTH_IT: u64 = 4 << 20;
const AT_LEAST_EVERY: Duration = Duration::from_mins(1);

/// The thread that makes checkpoints; it makes a last one when it is dropped.
pub(super) struct Checkpointer {
    nudge: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection, wal: PathBuf) -> io::Result<Self> {
        let (nudge, nudged) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || work(&connection, &wal, &nudged))?;
        Ok(Self { nudge: Some(nudge), thread: Some(thread) })
    }

    /// What the writer tells of each commit.
    pub(super) fn nudge(&self) -> SyncSender<()> {
        self.nudge.clone().unwrap_or_else(|| sync_channel(1).0)
    }
}

fn work(connection: &Connection, wal: &PathBuf, nudged: &Receiver<()>) {
    loop {
        match nudged.recv_timeout(AT_LEAST_EVERY) {
            Ok(()) if std::fs::metadata(wal).is_ok_and(|file| file.len() < WORTH_IT) => {}
            Ok(()) | Err(RecvTimeoutError::Timeout) => run(connection),
            Err(RecvTimeoutError::Disconnected) => return run(connection),
        }
    }
}

/// PASSIVE waits for nobody. The log's file is never cut: writing over it is cheaper than growing it again.
pub(super) fn run(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::warn!(%error, "a checkpoint failed, and is tried again");
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.nudge = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}
