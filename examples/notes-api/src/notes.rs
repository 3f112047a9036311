//! The notes: one table, each row of one user.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_graphql::SimpleObject;
use rusqlite::{Connection, Row, params};
use tokio::sync::broadcast;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct Note {
    /// Its number; a later note has a greater one.
    pub id: i64,
    /// What it says.
    pub text: String,
    /// When it was written, in UTC.
    pub created_at: String,
}

/// Everybody's notes.
#[derive(Debug)]
pub struct Notes {
    db: Mutex<Connection>,
    /// Says whose notes have changed. The table has what is new, so that a reader who is late misses nothing.
    changed: broadcast::Sender<String>,
}

impl Notes {
    /// The notes in this file, or in memory.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(file: Option<&Path>) -> rusqlite::Result<Self> {
        let db = file.map_or_else(Connection::open_in_memory, Connection::open)?;
        db.execute_batch(
            "PRAGMA journal_mode = wal;
             CREATE TABLE IF NOT EXISTS notes (
               id INTEGER PRIMARY KEY AUTOINCREMENT,
               user TEXT NOT NULL,
               text TEXT NOT NULL,
               created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
             );
             CREATE INDEX IF NOT EXISTS notes_by_user ON notes (user, id);",
        )?;
        Ok(Self { db: Mutex::new(db), changed: broadcast::channel(1024).0 })
    }

    /// The user's notes after that one, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn of(&self, user: &str, after: i64) -> rusqlite::Result<Vec<Note>> {
        let db = self.db();
        let mut rows = db.prepare_cached(
            "SELECT id, text, created_at FROM notes WHERE user = ? AND id > ? ORDER BY id LIMIT 1000",
        )?;
        rows.query_map(params![user, after], note)?.collect()
    }

    /// The number of the user's newest note; 0 if there is none.
    ///
    /// # Errors
    /// SQLite's.
    pub fn newest(&self, user: &str) -> rusqlite::Result<i64> {
        let newest = "SELECT coalesce(max(id), 0) FROM notes WHERE user = ?";
        self.db().query_row(newest, [user], |row| row.get(0))
    }

    /// Adds a note of the user.
    ///
    /// # Errors
    /// SQLite's.
    pub fn add(&self, user: &str, text: &str) -> rusqlite::Result<Note> {
        let added = self.db().query_row(
            "INSERT INTO notes (user, text) VALUES (?, ?) RETURNING id, text, created_at",
            [user, text],
            note,
        )?;
        let _nobody = self.changed.send(user.to_owned());
        Ok(added)
    }

    /// Removes a note, if it is the user's.
    ///
    /// # Errors
    /// SQLite's.
    pub fn remove(&self, user: &str, id: i64) -> rusqlite::Result<bool> {
        let gone = self.db().execute("DELETE FROM notes WHERE user = ? AND id = ?", params![user, id])? > 0;
        if gone {
            let _nobody = self.changed.send(user.to_owned());
        }
        Ok(gone)
    }

    /// Whose notes change from now on.
    pub fn changes(&self) -> broadcast::Receiver<String> {
        self.changed.subscribe()
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note { id: row.get(0)?, text: row.get(1)?, created_at: row.get(2)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_reads_and_removes_no_note_of_another() {
        let notes = Notes::open(None).unwrap();
        let milk = notes.add("ann", "milk").unwrap();
        let eggs = notes.add("bob", "eggs").unwrap();
        assert!(!notes.remove("bob", milk.id).unwrap());
        assert_eq!(notes.of("ann", 0).unwrap(), std::slice::from_ref(&milk));
        assert_eq!(notes.of("ann", milk.id).unwrap(), []);
        assert_eq!((notes.newest("bob").unwrap(), notes.newest("eve").unwrap()), (eggs.id, 0));
        assert!(notes.remove("ann", milk.id).unwrap());
        assert_eq!(notes.of("ann", 0).unwrap(), []);
    }
}
