//! The schema and its history.

use rusqlite::{Connection, TransactionBehavior};

use super::{OpenError, meta};

struct Migration {
    /// The schema's number after it.
    version: u32,
    /// The lowest schema number a binary must know to work on that schema.
    min_version: u32,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    min_version: 1,
    sql: include_str!("../../../migrations/sqlite/0001_init.sql"),
}];

/// Brings the schema up to what this binary knows and answers its number, one transaction for each step;
/// processes that start at once take turns. A newer schema that this binary may still work on stays as it is.
pub(super) fn migrate(db: &mut Connection) -> Result<u32, OpenError> {
    run(db, MIGRATIONS)
}

fn run(db: &mut Connection, migrations: &[Migration]) -> Result<u32, OpenError> {
    for step in migrations {
        if version(db)? >= step.version {
            continue;
        }
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have taken the step while this one waited for its turn.
        if version(&transaction)? < step.version {
            transaction.execute_batch(step.sql)?;
            meta::set_number(&transaction, "schema_version", step.version)?;
            meta::set_number(&transaction, "min_version", step.min_version)?;
        }
        transaction.commit()?;
    }
    let needs = meta::number(db, "min_version")?.unwrap_or(0);
    let knows = migrations.last().map_or(0, |last| last.version);
    if needs > knows {
        return Err(OpenError::NewerBinaryNeeded { needs, knows });
    }
    Ok(version(db)?)
}

fn version(db: &Connection) -> rusqlite::Result<u32> {
    Ok(meta::number(db, "schema_version")?.unwrap_or(0))
}
