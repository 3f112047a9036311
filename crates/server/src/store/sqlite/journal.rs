//! The journal: what an older copy of the database must be told before it may serve, in a file outside of it.
//!
//! ```text
//!  job · job · job ──► what they ended, from triggers ──► one line, sealed, on disk ──► COMMIT ──► answers
//!  a database that is older than its journal is opened ──► the lines that it lacks are replayed
//! ```
//!
//! A line is on disk before its commit, so no end is answered that is not in it. The database knows its journal by
//! an id, and how far it has come by the number of the last line, which grows in the transaction that the line is
//! of. So a copy tells which lines it lacks, and neither a database that was written without its journal nor a
//! journal that was cut passes for whole. Of two lines of one number the later counts: the other's transaction was
//! rolled back.
//!
//! Lines are sealed under the master secret, each for its place. Whoever appends holds the database's lock.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use countersign_core::Timestamp;
use rusqlite::Connection;

use super::journal_file::{Head, JournalFile, old};
use super::{OpenError, meta, replay};
use crate::random::Random;
use crate::seal::JournalSeal;
use crate::store::StoreError;

/// A journal, to be opened with its database.
pub struct Journal {
    /// Where it is.
    pub path: PathBuf,
    /// What its lines are sealed with.
    pub seal: JournalSeal,
    /// What makes them differ.
    pub random: Arc<dyn Random>,
    /// The time now, at which it begins if there is none.
    pub now: Timestamp,
    /// How long its lines are kept at least.
    pub keep: Duration,
}

/// Why a database cannot be opened with its journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A line that is not the last one cannot be read.
    #[error("line {0} is damaged, or sealed under another master secret")]
    Damaged(u64),
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The database has seen more than the journal holds, or lacks what the journal holds no longer.
    #[error("it holds lines {first} to {last}, and the database has come to {seen}")]
    Lacks {
        /// The number of the first line.
        first: u64,
        /// The number of the last line.
        last: u64,
        /// The last line that the database has seen.
        seen: u64,
    },
    /// It is another database's, or was begun anew since this one was copied.
    #[error("it is not the journal of this database")]
    NotIts,
    /// The random source failed.
    #[error("the random source failed")]
    Random,
    /// What is there is no journal.
    #[error("it is no journal")]
    Strange,
    /// The database has one, and was opened without.
    #[error("the database keeps one: open it with that, or turn it off")]
    Wanted,
}

impl From<JournalError> for StoreError {
    fn from(error: JournalError) -> Self {
        Self(format!("the journal: {error}"))
    }
}

/// A journal that is written.
pub(super) struct Open {
    journal: Journal,
    id: [u8; 16],
    file: JournalFile,
}

impl Open {
    /// Begins the journal of the database, or goes on with it and replays what the database lacks. Within a
    /// transaction.
    pub(super) fn of(db: &Connection, journal: Journal) -> Result<Self, OpenError> {
        let known = meta::journal(db)?;
        let path = journal.path.clone();
        let fault = |error| OpenError::Journal(path.clone(), error);
        let (id, file) = if let Some(id) = known {
            (id, JournalFile::open(&journal.path, &id).map_err(&fault)?)
        } else {
            let id = journal.random.bytes().map_err(|_| fault(JournalError::Random))?;
            let head = Head { id, first: 1, begun: journal.now };
            (id, JournalFile::begin(&journal.path, &head).map_err(|error| fault(error.into()))?)
        };
        let seen = meta::journal_line(db)?;
        let mut open = Self { journal, id, file };
        let lacking = open.after(seen).map_err(&fault)?;
        for entries in lacking.values() {
            replay::replay(db, entries)?;
        }
        let seen = lacking.keys().last().copied().unwrap_or(seen);
        meta::set_journal(db, &id, seen, &open.journal.path)?;
        Ok(open)
    }

    /// Takes down what the transaction has ended, if anything, and waits for the disk.
    pub(super) fn write(&mut self, db: &Connection) -> Result<(), StoreError> {
        let Some(entries) = replay::take(db)? else { return Ok(()) };
        let number = meta::next_journal_line(db, &self.id)?.ok_or(JournalError::NotIts)?;
        let line = self.sealed(number, &entries)?;
        self.file.follow(&self.journal.path, &self.id)?;
        self.file.append(&line).map_err(JournalError::from)?;
        Ok(())
    }

    /// Lets a file that was begun too long ago become the old one, in place of the one before: whoever would need
    /// that has sessions that are over. Within a transaction.
    pub(super) fn rotate(&mut self, db: &Connection, now: Timestamp) -> Result<(), StoreError> {
        self.file.follow(&self.journal.path, &self.id)?;
        let (head, line) = (self.file.head(), meta::journal_line(db)?);
        if now.since(head.begun) < self.journal.keep || line < head.first {
            return Ok(());
        }
        let head = Head { id: self.id, first: line.saturating_add(1), begun: now };
        fs::rename(&self.journal.path, old(&self.journal.path))
            .and_then(|()| JournalFile::begin(&self.journal.path, &head))
            .map(|file| self.file = file)
            .map_err(|error| JournalError::from(error).into())
    }

    /// The entries of every line after that one. What a torn write has left is cut off.
    fn after(&mut self, seen: u64) -> Result<BTreeMap<u64, String>, JournalError> {
        let mut lines = self.lines(seen, true)?;
        let mut first = self.file.head().first;
        if seen.saturating_add(1) < first
            && let Ok(mut before) = JournalFile::open(&old(&self.journal.path), &self.id)
        {
            first = before.head().first;
            std::mem::swap(&mut before, &mut self.file);
            let older = self.lines(seen, false);
            std::mem::swap(&mut before, &mut self.file);
            for (number, entries) in older? {
                lines.entry(number).or_insert(entries);
            }
        }
        let last = self.file.last().max(self.file.head().first.saturating_sub(1));
        let whole = (seen.saturating_add(1)..=last).all(|number| lines.contains_key(&number));
        if last < seen || !whole {
            return Err(JournalError::Lacks { first, last, seen });
        }
        Ok(lines)
    }

    /// The lines after that one of the file that is open.
    fn lines(&mut self, seen: u64, cut: bool) -> Result<BTreeMap<u64, String>, JournalError> {
        let mut lines = BTreeMap::new();
        let (journal, id) = (&self.journal, &self.id);
        self.file.read(cut, |number, sealed| {
            if number <= seen {
                return true;
            }
            let sealed = STANDARD_NO_PAD.decode(sealed).ok();
            let plain = sealed.and_then(|sealed| journal.seal.open(&label(id, number), &sealed).ok());
            let entries = plain.and_then(|plain| String::from_utf8(plain.to_vec()).ok());
            entries.map(|entries| lines.insert(number, entries)).is_some()
        })?;
        Ok(lines)
    }

    fn sealed(&self, number: u64, entries: &str) -> Result<String, StoreError> {
        let label = label(&self.id, number);
        let sealed = self.journal.seal.seal(&label, entries.as_bytes(), &*self.journal.random);
        let sealed = sealed.map_err(|error| StoreError(error.to_string()))?;
        Ok(format!("{number} {}\n", STANDARD_NO_PAD.encode(sealed)))
    }
}

/// The place that a line is sealed for.
fn label(id: &[u8; 16], number: u64) -> String {
    format!("{} {number}", STANDARD_NO_PAD.encode(id))
}
