//! What the database knows about itself.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::columns::Whole;

/// Stores the proof unless one is there, and answers the one that is there.
pub(super) fn secret_proof(db: &Connection, proof: [u8; 32]) -> rusqlite::Result<[u8; 32]> {
    db.prepare_cached("INSERT OR IGNORE INTO meta (key, value) VALUES ('secret_proof', ?)")?
        .execute([proof])?;
    db.prepare_cached("SELECT value FROM meta WHERE key = 'secret_proof'")?.query_row([], |row| row.get(0))
}

/// Whether this is a database of ours, though nothing may be in it yet. Others have a table `meta` too.
pub(super) fn is_ours(db: &Connection) -> rusqlite::Result<bool> {
    let tables = "SELECT count(*) = 4 FROM sqlite_schema \
         WHERE type = 'table' AND name IN ('meta', 'user_names', 'sessions', 'denylist')";
    let alike = "SELECT 1 FROM pragma_table_info('meta') WHERE name = 'value'";
    Ok(db.query_row(tables, [], |row| row.get(0))?
        && db.prepare(alike)?.exists([])?
        && number(db, "schema_version")?.is_some())
}

/// Whether it belongs to a master secret already.
pub(super) fn is_tied(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare("SELECT 1 FROM meta WHERE key = 'secret_proof'")?.exists([])
}

/// Counts the probes: a write of the same value would not reach the disk, and so prove nothing.
pub(super) fn probe(db: &Connection) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO meta (key, value) VALUES ('probes', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1",
    )?
    .execute([])?;
    Ok(())
}

/// Reads what [`probe`] wrote.
pub(super) fn probes(db: &Connection) -> rusqlite::Result<()> {
    db.prepare_cached("SELECT value FROM meta WHERE key = 'probes'")?.query_row([], |_| Ok(()))
}

/// The number under this key; `None` too if the database is still empty.
pub(super) fn number(db: &Connection, key: &str) -> rusqlite::Result<Option<u32>> {
    // Asked of the file: what the connection remembers of the schema may be older than the transaction.
    let made: bool =
        db.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'meta')", [], |row| {
            row.get(0)
        })?;
    if !made {
        return Ok(None);
    }
    db.query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0)).optional()
}

pub(super) fn set_number(db: &Connection, key: &str, value: u32) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )?;
    Ok(())
}

/// The id of the journal, if there is one.
pub(super) fn journal(db: &Connection) -> rusqlite::Result<Option<[u8; 16]>> {
    db.query_row("SELECT value FROM meta WHERE key = 'journal'", [], |row| row.get(0)).optional()
}

/// Where the journal was when it was last opened.
pub(super) fn journal_path(db: &Connection) -> rusqlite::Result<Option<PathBuf>> {
    let path = "SELECT value FROM meta WHERE key = 'journal_path'";
    Ok(db.query_row(path, [], |row| row.get::<_, String>(0)).optional()?.map(PathBuf::from))
}

/// The number of the last line of the journal that this database has seen.
pub(super) fn journal_line(db: &Connection) -> rusqlite::Result<u64> {
    let line = "SELECT value FROM meta WHERE key = 'journal_line'";
    Ok(db.query_row(line, [], |row| row.get::<_, Whole>(0)).optional()?.map_or(0, |line| line.0))
}

/// Takes the number of the next line; none if the database has another journal by now.
pub(super) fn next_journal_line(db: &Connection, id: &[u8; 16]) -> rusqlite::Result<Option<u64>> {
    let next = "UPDATE meta SET value = value + 1 WHERE key = 'journal_line' \
         AND (SELECT value FROM meta WHERE key = 'journal') = ? RETURNING value";
    let line = db.prepare_cached(next)?.query_row([id], |row| row.get::<_, Whole>(0)).optional()?;
    Ok(line.map(|line| line.0))
}

pub(super) fn set_journal(db: &Connection, id: &[u8; 16], line: u64, path: &Path) -> rusqlite::Result<()> {
    let mut set = db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")?;
    set.execute(("journal", id))?;
    set.execute(("journal_line", Whole(line)))?;
    set.execute(("journal_path", path.to_string_lossy()))?;
    Ok(())
}

/// Lets the journal be found at another place.
pub(super) fn move_journal(db: &Connection, path: &Path) -> rusqlite::Result<()> {
    db.execute("UPDATE meta SET value = ? WHERE key = 'journal_path'", [path.to_string_lossy()])?;
    Ok(())
}

pub(super) fn forget_journal(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM meta WHERE key IN ('journal', 'journal_line', 'journal_path')", [])?;
    Ok(())
}
