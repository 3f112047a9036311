//! News of writes: of this process' at once, of others' by a look at a counter that SQLite keeps.
//!
//! ```text
//!  writer ── durable commit ─────────────────────► Written ──► whoever listens
//!  other processes ──► PRAGMA data_version, 20 ms ────┘
//! ```
//!
//! The thread that looks has a connection of its own, since the counter is of what *others* than the connection
//! wrote, and starts with the first who listens: a command that ends at once needs none.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::{Thread, connection};
use crate::store::StoreError;

/// How often the counter is looked at; a look takes microseconds.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) struct Watcher {
    path: PathBuf,
    written: Written,
    looking: Mutex<Option<Looking>>,
}

/// Where news of a write goes.
#[derive(Clone)]
pub(super) struct Written(watch::Sender<u64>);

struct Looking {
    // Dropped before the thread is joined, which ends when this is gone.
    _until: SyncSender<()>,
    _thread: Thread,
}

impl Written {
    pub(super) fn tell(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Watcher {
    pub(super) fn new(path: &Path) -> Self {
        let written = Written(watch::Sender::new(0));
        Self { path: path.to_path_buf(), written, looking: Mutex::default() }
    }

    pub(super) fn written(&self) -> Written {
        self.written.clone()
    }

    pub(super) fn writes(&self) -> Result<watch::Receiver<u64>, StoreError> {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if looking.is_none() {
            let db = connection::open_reader(&self.path)?;
            let written = self.written();
            let seen = version(&db);
            let (until, ended) = sync_channel(1);
            let thread = Thread::start("watcher", move || look(&db, seen, &written, &ended))
                .map_err(|error| StoreError(error.to_string()))?;
            *looking = Some(Looking { _until: until, _thread: thread });
        }
        Ok(self.written.0.subscribe())
    }
}

fn look(db: &Connection, mut seen: Option<i64>, written: &Written, ended: &Receiver<()>) {
    while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let now = version(db);
        // A look that fails says nothing: then the next one that works is news.
        if now != seen && now.is_some() {
            written.tell();
        }
        seen = now;
    }
}

fn version(db: &Connection) -> Option<i64> {
    db.prepare_cached("PRAGMA data_version").ok()?.query_row([], |row| row.get(0)).ok()
}
