//! Copies of the database: made beside a running server, examined, and put in its place.
//!
//! ```text
//!  back-up:  countersign.db ──► FILE.new ── is it whole? on disk? ──► FILE
//!  restore:  FILE ──► countersign.db.restored ── is it whole, and ours? ──► countersign.db
//!                                             countersign.db ──► a name of its own
//! ```

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};

use super::{OpenError, connection, meta, migrate};

/// Why a copy cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// What was copied is damaged; SQLite's first complaint.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The copy cannot be written.
    #[error("the copy cannot be written")]
    Io(#[from] io::Error),
    /// It is a database, and not one of Countersign.
    #[error("this is no database of Countersign")]
    NotOurs,
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is no database, or one that cannot be read.
    #[error("the database cannot be read")]
    Sqlite(#[from] rusqlite::Error),
    /// It is being written without end.
    #[error("the database is locked")]
    Taken,
}

/// Copies the database at `from` as it stands now, beside whoever uses it, into the new file `to`, mode 0600. When
/// this returns the copy is one file, whole, and on disk; on an error there is none.
///
/// # Errors
/// See [`CopyError`]. A file `to` that is there already is an error too.
pub fn copy(from: &Path, to: &Path) -> Result<(), CopyError> {
    connection::create_new_file(to)?;
    copied(from, to).inspect_err(|_| remove(to))
}

fn copied(from: &Path, to: &Path) -> Result<(), CopyError> {
    let from = connection::open_reader(from)?;
    let mut db = connection::open_copy(to)?;
    // In one step, so that the copy is of one moment; in a write-ahead log nobody waits for a reader.
    match Backup::new(&from, &mut db)?.step(-1)? {
        StepResult::Done => {}
        _ => return Err(CopyError::Taken),
    }
    // A file that needs no log beside it.
    db.pragma_update(None, "journal_mode", "delete")?;
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(CopyError::Damaged(found));
    }
    db.close().map_err(|(_, error)| error)?;
    File::open(to)?.sync_all()?;
    Ok(())
}

/// Whether the file at `path` is a database of ours that this release can work with.
///
/// # Errors
/// [`CopyError::NotOurs`] or an [`OpenError`] if not.
pub fn examine(path: &Path) -> Result<(), CopyError> {
    let db = connection::open_reader(path)?;
    if !meta::is_ours(&db)? {
        return Err(CopyError::NotOurs);
    }
    Ok(migrate::suits(&db)?)
}

/// Puts the database at `new` in the place of the one at `path`, which keeps its data under the name `aside`. Only
/// while nobody has either of them open. That it outlasts a power cut is for who calls this to see to, who syncs the
/// folder: whatever fails in here fails before `new` has taken its place.
///
/// # Errors
/// If a file cannot be moved. Then the old data is still at `path`, or at `aside`, or at both.
pub fn replace(path: &Path, new: &Path, aside: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    settle(new);
    hand_over(new, folder)?;
    if path.exists() {
        settle(path);
        for suffix in ["", LOG] {
            let file = beside(path, suffix);
            if file.exists() {
                let kept = beside(aside, suffix);
                fs::hard_link(&file, &kept).or_else(|_| fs::copy(&file, &kept).map(drop))?;
                File::open(&kept)?.sync_all()?;
            }
        }
        File::open(folder)?.sync_all()?;
        // A log that is left beside another database would be copied into it.
        for suffix in [LOG, SHARED] {
            remove_if_there(&beside(path, suffix))?;
        }
    }
    fs::rename(new, path)
}

/// Gives a file to whom the folder belongs: who restores, as root, need not be who serves.
pub(super) fn hand_over(file: &Path, folder: &Path) -> io::Result<()> {
    let (file_is, folder_is) = (fs::metadata(file)?, fs::metadata(folder)?);
    if file_is.uid() == folder_is.uid() {
        return Ok(());
    }
    chown(file, Some(folder_is.uid()), Some(folder_is.gid()))
}

/// Copies what is left of a log into its database. SQLite would delete the log of a file that is none.
fn settle(path: &Path) {
    let mut magic = [0; 15];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    if read.is_ok()
        && magic == *b"SQLite format 3"
        && let Ok(db) = connection::open_copy(path)
    {
        let _broken = db.pragma_update(None, "journal_mode", "delete");
    }
}

/// Deletes a copy that came to nothing, as far as there is one.
pub fn remove(path: &Path) {
    for suffix in ["", LOG, SHARED, "-journal"] {
        // What cannot be deleted is in nobody's way.
        let _gone = fs::remove_file(beside(path, suffix));
    }
}

const LOG: &str = "-wal";
const SHARED: &str = "-shm";

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
