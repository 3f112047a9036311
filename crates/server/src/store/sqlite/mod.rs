//! The embedded database: one file, one writer thread, readers beside it.

mod checkpoint;
mod events;
mod keys;
mod limits;
mod migrate;
mod readers;
mod sessions;
mod store;
mod users;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;
use checkpoint::Checkpointer;
use readers::Readers;
use writer::Writer;

/// How long a connection waits for another process's write.
const BUSY: Duration = Duration::from_secs(5);

/// The embedded database.
pub struct SqliteStore {
    // In this order they are dropped: the writer finishes what is queued before the last checkpoint.
    writer: Writer,
    readers: Readers,
    _checkpointer: Checkpointer,
    schema_version: u32,
}

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file system or SQLite refused.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A thread could not be started, or the file could not be made private.
    #[error("the database cannot be opened: {0}")]
    Io(#[from] std::io::Error),
    /// A newer version of this program has changed the schema in a way that this one cannot work with.
    #[error(
        "this database needs a newer countersign: its schema wants version {needs}, this binary knows {knows}"
    )]
    NewerBinaryNeeded {
        /// The lowest schema version that a binary must know.
        needs: u32,
        /// The schema version that this binary knows.
        knows: u32,
    },
}

impl SqliteStore {
    /// Opens the database at `path`, making it and bringing its schema up to date as needed. Several processes
    /// may have it open.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        make_private(path)?;
        let mut connection = connect(path)?;
        let schema_version = migrate::run(&mut connection)?;
        let checkpointer = Checkpointer::start(connect(path)?, wal_of(path))?;
        Ok(Self {
            writer: Writer::start(connection, wal_of(path), checkpointer.nudge())?,
            readers: Readers::open(path)?,
            _checkpointer: checkpointer,
            schema_version,
        })
    }

    /// The version of the database's schema.
    pub const fn schema_version(&self) -> u32 {
        self.schema_version
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Checkpoints are made elsewhere, off the path of commits.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -4000)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn connect_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -1000)?;
    connection.pragma_update(None, "mmap_size", 1_u64 << 30)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Makes the file, if it is not there, so that only its owner reads it. SQLite gives its companions the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::File::options().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn wal_of(path: &Path) -> PathBuf {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    wal.into()
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}
