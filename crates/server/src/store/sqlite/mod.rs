//! The embedded database: SQLite in WAL mode, one file that the server and the command line may use at once.
//!
//! ```text
//!  reads ───► Readers: a connection for each core, on the caller's thread ─────► │ countersign.db      │
//!  writes ──► Writer: a queue, one thread, many jobs to a commit ──────────────► │ countersign.db-wal  │
//!                       └─ Log ──► the checkpointer's thread, copies wal to db ► │ countersign.db-shm  │
//!  news ◄─── Watcher: of the writer's commits, and of other processes' ◄─────────── │
//! ```
//!
//! How durable a write is, is said where each write is made, in `use_cases`; the statements are in a
//! file for each subject.

mod attempts;
mod checkpoint;
mod columns;
mod connection;
mod copy;
mod denylist;
mod events;
mod journal;
mod journal_copy;
mod journal_file;
#[cfg(test)]
mod journal_tests;
mod meta;
mod migrate;
mod readers;
mod replay;
mod service_keys;
mod sessions;
mod signing_keys;
mod sweep;
#[cfg(test)]
mod tests;
mod use_cases;
mod users;
mod watcher;
mod writer;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use countersign_core::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

pub use self::copy::{CopyError, copy, examine, remove, replace};
pub use self::journal::{Journal, JournalError};
pub use self::journal_copy::{JournalCopy, Put};
pub use self::migrate::MIGRATIONS;

use self::readers::Readers;
use self::watcher::Watcher;
use self::writer::Writer;
use super::{Migration, StoreError};

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or its folder cannot be created, or a thread not be started.
    #[error("the database cannot be opened")]
    Io(#[from] io::Error),
    /// The journal cannot be used, or not with this database.
    #[error("the journal {}", .0.display())]
    Journal(PathBuf, #[source] JournalError),
    /// A newer release has changed the schema in a way that this one cannot work with.
    #[error(
        "the database needs a newer countersign: one that knows schema {needs}, and this one knows {knows}"
    )]
    NewerBinaryNeeded {
        /// The schema number that a binary must know.
        needs: u32,
        /// The newest schema number that this binary knows.
        knows: u32,
    },
    /// The file is not a database, is locked, or a migration failed.
    #[error("the database cannot be opened")]
    Sqlite(#[from] rusqlite::Error),
}

/// The store in a file of its own. Dropping it carries out what is queued and closes the file.
pub struct SqliteStore {
    // The order in which they are dropped: whoever closes the file last leaves no log behind, which a reader
    // could not do.
    watcher: Watcher,
    readers: Readers,
    writer: Writer,
    _checkpointer: Thread,
    journal: Option<Arc<Mutex<journal::Open>>>,
    _held: Option<File>,
}

impl SqliteStore {
    /// Opens the database at `path`, creates it if there is none (mode 0600, its folder 0700), and migrates it.
    ///
    /// It blocks for as long as that takes: call it before there is anything to serve.
    ///
    /// # Errors
    /// See [`OpenError`]. A database that keeps a journal must be opened with it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_with(path, connecting(path), None)
    }

    /// The same with a journal, which begins if the database keeps none. What the journal has and the database has
    /// not is replayed.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_journaled(path: &Path, journal: Journal) -> Result<Self, OpenError> {
        Self::open_with(path, connecting(path), Some(journal))
    }

    /// Opens it with another way to connect the writer, which tests let fail.
    fn open_with<C>(path: &Path, connect: C, journal: Option<Journal>) -> Result<Self, OpenError>
    where
        C: Fn() -> rusqlite::Result<Connection> + Send + 'static,
    {
        migrate(path)?;
        let journal = open_journal(path, journal)?.map(Mutex::new).map(Arc::new);
        let (log, checkpointer) = checkpoint::start(path)?;
        let watcher = Watcher::new(path);
        let written = watcher.written();
        Ok(Self {
            watcher,
            readers: Readers::open(path)?,
            writer: Writer::start(connect, log, written, journal.clone())?,
            _checkpointer: checkpointer,
            journal,
            _held: None,
        })
    }

    /// Keeps `lock` for as long as the database is open.
    #[must_use]
    pub fn holding(self, lock: File) -> Self {
        Self { _held: Some(lock), ..self }
    }
}

fn connecting(path: &Path) -> impl Fn() -> rusqlite::Result<Connection> + Send + 'static {
    let path = path.to_path_buf();
    move || connection::open_writer(&path)
}

fn open_journal(path: &Path, journal: Option<Journal>) -> Result<Option<journal::Open>, OpenError> {
    let Some(journal) = journal else {
        // Without a transaction: where nothing can be written, much can still be read.
        let db = connection::open_reader(path)?;
        if meta::journal(&db)?.is_none() {
            return Ok(None);
        }
        let path = meta::journal_path(&db)?.unwrap_or_default();
        return Err(OpenError::Journal(path, JournalError::Wanted));
    };
    let mut db = connection::open_writer(path)?;
    db.pragma_update(None, "synchronous", "full")?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let open = journal::Open::of(&transaction, journal)?;
    transaction.commit()?;
    Ok(Some(open))
}

/// Where the database's journal was when it was last opened, if it keeps one.
///
/// # Errors
/// If the database cannot be read.
pub fn journal_path(path: &Path) -> Result<Option<PathBuf>, OpenError> {
    let db = connection::open_reader(path)?;
    Ok(if meta::is_ours(&db)? { meta::journal_path(&db)? } else { None })
}

/// Lets the database find its journal at another path.
///
/// # Errors
/// If the database cannot be written.
pub fn move_journal(path: &Path, journal: &Path) -> Result<(), OpenError> {
    Ok(meta::move_journal(&connection::open_writer(path)?, journal)?)
}

/// Whether the database belongs to a master secret already.
///
/// # Errors
/// If the database cannot be read.
pub fn is_tied(path: &Path) -> Result<bool, OpenError> {
    Ok(meta::is_tied(&connection::open_reader(path)?)?)
}

/// Lets the database keep no journal any more. What was in it is no longer part of it.
///
/// # Errors
/// If the database cannot be written.
pub fn forget_journal(path: &Path) -> Result<(), OpenError> {
    let db = connection::open_writer(path)?;
    db.pragma_update(None, "synchronous", "full")?;
    Ok(meta::forget_journal(&db)?)
}

/// Whether the database at `path` has seen nothing that the one at `copy` has not, by the journal that both keep.
///
/// # Errors
/// If one of them cannot be read.
pub fn is_abreast(copy: &Path, path: &Path) -> Result<bool, OpenError> {
    let (copy, db) = (connection::open_reader(copy)?, connection::open_reader(path)?);
    Ok(meta::journal(&copy)? == meta::journal(&db)? && meta::journal_line(&copy)? >= meta::journal_line(&db)?)
}

/// Begins the idle time of the sessions in a copy anew, as it cannot know who has used theirs since.
///
/// # Errors
/// If the copy cannot be written.
pub fn renew(copy: &Path, now: Timestamp) -> Result<(), OpenError> {
    Ok(replay::renew(&connection::open_writer(copy)?, now)?)
}

/// Creates or migrates the database at `path` and answers the number of its schema.
///
/// # Errors
/// See [`OpenError`].
pub fn migrate(path: &Path) -> Result<u32, OpenError> {
    migrate_by(path, MIGRATIONS)
}

/// The same by other steps: those of a version that is not there yet, to see whether this one can work beside it.
///
/// # Errors
/// See [`OpenError`].
pub fn migrate_by(path: &Path, migrations: &[Migration]) -> Result<u32, OpenError> {
    connection::create_file(path)?;
    migrate::migrate(&mut connection::open_writer(path)?, migrations)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// A thread that is waited for when it is dropped.
struct Thread(Option<JoinHandle<()>>);

impl Thread {
    fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Builder::new().name(name.to_owned()).spawn(run).map(Some).map(Self)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // A thread that panicked has said so already.
        let _ = self.0.take().map(JoinHandle::join);
    }
}
