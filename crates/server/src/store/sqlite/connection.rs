//! Opening the file: who may read it, and the pragmas of each kind of connection.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// More statements than the store has.
const STATEMENTS: usize = 64;

/// Creates the file and the folders above it where they are missing, for this user alone. SQLite gives the
/// files that it puts beside the database the same permissions.
pub(super) fn create_file(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match create_new_file(path) {
        // The name must survive a power cut as well as what is written under it.
        Ok(()) => File::open(folder)?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Creates a file that is not there yet, for this user alone.
pub(super) fn create_new_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// The connection that writes; the writer sets `synchronous` as it needs it.
pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let db = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    write_ahead(&db)?;
    // The checkpointer's work, see there.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    // A whole batch's changed pages, in KiB: they are written once, at the commit.
    db.pragma_update(None, "cache_size", -4096)?;
    // Savepoints keep the old pages in memory, not in a file.
    db.pragma_update(None, "temp_store", "memory")?;
    // Zeroes over what is deleted, where the page is written anyway: salts and sealed keys do not linger.
    db.pragma_update(None, "secure_delete", "fast")?;
    Ok(db)
}

/// A connection that only reads, with a cache of 2 MiB.
///
/// The file is not mapped into memory: SQLite drops the mapping with each commit of the writer, and the page
/// faults that follow more than halved the refreshes per second.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let db = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.pragma_update(None, "cache_size", -2048)?;
    Ok(db)
}

/// The connection that copies the write-ahead log into the database.
pub(super) fn open_checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let db = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Also makes it look at the file: until then it would hold that there is no log, and copy nothing.
    write_ahead(&db)?;
    Ok(db)
}

/// A connection to a file that nobody else uses.
pub(super) fn open_copy(path: &Path) -> rusqlite::Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

fn write_ahead(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "wal")
}

fn open(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Each connection stays with one thread at a time, and a path is a path, never a URI.
    let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else this build of SQLite (STAT4) prepares every join anew for each value it is given, which takes six
    // times as long as running it.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // The schema has none, and says why.
    db.pragma_update(None, "foreign_keys", false)?;
    Ok(db)
}
