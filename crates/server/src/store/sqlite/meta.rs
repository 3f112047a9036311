//! What the database knows about itself.

use rusqlite::{Connection, OptionalExtension};

/// Stores the proof unless one is there, and answers the one that is there.
pub(super) fn secret_proof(db: &Connection, proof: [u8; 32]) -> rusqlite::Result<[u8; 32]> {
    db.prepare_cached("INSERT OR IGNORE INTO meta (key, value) VALUES ('secret_proof', ?)")?
        .execute([proof])?;
    db.prepare_cached("SELECT value FROM meta WHERE key = 'secret_proof'")?.query_row([], |row| row.get(0))
}

/// Whether this is a database of ours, and belongs to a master secret.
pub(super) fn is_ours(db: &Connection) -> rusqlite::Result<bool> {
    let alike = "SELECT 1 FROM pragma_table_info('meta') WHERE name = 'value'";
    Ok(db.prepare(alike)?.exists([])?
        && number(db, "schema_version")?.is_some()
        && db.prepare("SELECT 1 FROM meta WHERE key = 'secret_proof'")?.exists([])?)
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
