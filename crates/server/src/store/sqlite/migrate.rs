//! The schema, version by version.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::OpenError;

/// Each migration, with the lowest schema version that a binary must know to work with its result.
const MIGRATIONS: [(&str, u32); 1] = [(include_str!("../../../migrations/sqlite/0001_init.sql"), 1)];

const META: &str =
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID";

/// Brings the schema up to date, each step in a transaction of its own; answers its version.
pub(super) fn run(connection: &mut Connection) -> Result<u32, OpenError> {
    let knows = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(META, [])?;
        let has = number(&transaction, "schema_version")?;
        let needs = number(&transaction, "min_version")?;
        if needs > knows {
            return Err(OpenError::NewerBinaryNeeded { needs, knows });
        }
        let Some((sql, min_version)) = MIGRATIONS.get(has as usize) else { return Ok(has) };
        transaction.execute_batch(sql)?;
        for (name, value) in [("schema_version", has + 1), ("min_version", *min_version)] {
            transaction.execute(
                "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
                (name, value.to_be_bytes()),
            )?;
        }
        transaction.commit()?;
    }
}

fn number(connection: &Connection, name: &str) -> rusqlite::Result<u32> {
    let bytes: Option<[u8; 4]> = connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    Ok(bytes.map_or(0, u32::from_be_bytes))
}
