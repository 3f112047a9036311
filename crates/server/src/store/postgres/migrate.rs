//! The schema and its history.

use super::OpenError;
use super::columns::Columns;
use super::connection::Connection;
use super::fault::Fault;

struct Migration {
    /// The schema's number after it.
    version: i64,
    /// The lowest schema number a binary must know to work on that schema.
    min_version: i64,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    min_version: 1,
    sql: include_str!("../../../migrations/postgres/0001_init.sql"),
}];

/// Held by the transaction of a step. The number means nothing.
const TURN: &str = "SELECT pg_advisory_xact_lock(7236270194512)";

/// Asked of a table: what a connection remembers of names may be older than the transaction.
const MADE: &str = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'meta'";

const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
     SET LOCAL synchronous_commit = on";

/// Brings the schema up to what this binary knows and answers its number, one transaction for each step;
/// processes that start at once take turns. A newer schema that this binary may still work on stays as it is.
pub(super) async fn migrate(db: &Connection) -> Result<i64, OpenError> {
    run(db, MIGRATIONS).await
}

async fn run(db: &Connection, migrations: &[Migration]) -> Result<i64, OpenError> {
    for step in migrations {
        if version(db).await? >= step.version {
            continue;
        }
        db.batch(BEGIN).await?;
        db.batch(TURN).await?;
        // Another process may have taken the step while this one waited for its turn.
        if version(db).await? < step.version {
            db.batch(step.sql).await?;
            db.batch(&format!(
                "INSERT INTO meta (key, number) \
                 VALUES ('schema_version', {}), ('min_version', {}) \
                 ON CONFLICT (key) DO UPDATE SET number = excluded.number",
                step.version, step.min_version
            ))
            .await?;
        }
        db.batch("COMMIT").await?;
    }
    let needs = number(db, "min_version").await?;
    let knows = migrations.last().map_or(0, |last| last.version);
    if needs > knows {
        return Err(OpenError::NewerBinaryNeeded { needs, knows });
    }
    Ok(version(db).await?)
}

/// The schema's number; 0 if the database is still empty.
pub(super) async fn version(db: &Connection) -> Result<i64, Fault> {
    number(db, "schema_version").await
}

async fn number(db: &Connection, key: &'static str) -> Result<i64, Fault> {
    if db.row(MADE, &[]).await?.is_none() {
        return Ok(0);
    }
    let row = db.row("SELECT number FROM meta WHERE key = $1", &[&key]).await?;
    row.map_or(Ok(0), |row| Columns::of(&row).take())
}
