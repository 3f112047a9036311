//! The schema and its history.

use std::time::Duration;

use super::OpenError;
use super::columns::Columns;
use super::connection::Connection;
use super::fault::Fault;
use crate::store::Migration;

/// The steps of this version, oldest first.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    min_version: 1,
    sql: include_str!("../../../migrations/postgres/0001_init.sql"),
}];

/// Held by the transaction of a step. The number means nothing.
const TURN: &str = "SELECT pg_advisory_xact_lock(7236270194512)";

/// A step waits no longer than this for a table that others use, as everybody else who comes waits behind it. Then it
/// lets them pass, and tries again.
const HASTE: &str = "SET LOCAL lock_timeout = 300";
const PAUSE: Duration = Duration::from_millis(500);

/// Asked of a table: what a connection remembers of names may be older than the transaction.
const MADE: &str = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'meta'";

const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
     SET LOCAL synchronous_commit = on";

/// Brings the schema up to what these steps lead to and answers its number, one transaction for each; processes that
/// start at once take turns. A newer schema that whoever knows only these may still work on stays as it is.
pub(super) async fn migrate(db: &Connection, migrations: &[Migration]) -> Result<i64, OpenError> {
    for step in migrations {
        let mut waited = false;
        while version(db).await? < step.version.into() {
            match take(db, step).await {
                Err(fault) if fault.is_of_a_lock() => {
                    db.batch("ROLLBACK").await?;
                    if !std::mem::replace(&mut waited, true) {
                        tracing::warn!("a migration waits for a table that a long transaction uses");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                taken => taken?,
            }
        }
    }
    let needs = number(db, "min_version").await?;
    let knows = migrations.last().map_or(0, |last| last.version.into());
    if needs > knows {
        return Err(OpenError::NewerBinaryNeeded { needs, knows });
    }
    Ok(version(db).await?)
}

async fn take(db: &Connection, step: &Migration) -> Result<(), Fault> {
    db.batch(BEGIN).await?;
    db.batch(TURN).await?;
    // Another process may have taken the step while this one waited for its turn.
    if version(db).await? < step.version.into() {
        db.batch(HASTE).await?;
        db.batch(step.sql).await?;
        db.batch(&format!(
            "INSERT INTO meta (key, number) \
             VALUES ('schema_version', {}), ('min_version', {}) \
             ON CONFLICT (key) DO UPDATE SET number = excluded.number",
            step.version, step.min_version
        ))
        .await?;
    }
    db.batch("COMMIT").await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Schema;

    const fn step(version: u32, min_version: u32, sql: &'static str) -> Migration {
        Migration { version, min_version, sql }
    }

    const FIRST: Migration =
        step(1, 1, "CREATE TABLE meta (key text PRIMARY KEY, number bigint); CREATE TABLE a (x int);");
    const COMPATIBLE: Migration = step(2, 1, "CREATE TABLE b (x int);");
    const BREAKING: Migration = step(3, 3, "DROP TABLE a;");

    async fn connection(schema: &Schema) -> Connection {
        super::super::connect(&schema.url.parse().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn an_older_schema_is_brought_up_step_by_step_and_once() {
        let Some(schema) = Schema::new().await.unwrap() else { return };
        let db = connection(&schema).await;
        assert_eq!(migrate(&db, &[FIRST]).await.unwrap(), 1);
        for _ in 0..2 {
            assert_eq!(migrate(&db, &[FIRST, COMPATIBLE, BREAKING]).await.unwrap(), 3);
        }
    }

    #[tokio::test]
    async fn a_newer_schema_is_left_alone_as_long_as_it_allows() {
        let Some(schema) = Schema::new().await.unwrap() else { return };
        let db = connection(&schema).await;
        migrate(&db, &[FIRST, COMPATIBLE]).await.unwrap();
        assert_eq!(migrate(&db, &[FIRST]).await.unwrap(), 2);

        migrate(&db, &[FIRST, COMPATIBLE, BREAKING]).await.unwrap();
        let refused = migrate(&db, &[FIRST, COMPATIBLE]).await.unwrap_err();
        assert!(matches!(refused, OpenError::NewerBinaryNeeded { needs: 3, knows: 2 }), "{refused}");
    }

    #[tokio::test]
    async fn a_step_that_fails_leaves_nothing_behind() {
        let Some(schema) = Schema::new().await.unwrap() else { return };
        let broken = step(2, 1, "CREATE TABLE b (x int); CREATE TABLE a (x int);");
        assert!(migrate(&connection(&schema).await, &[FIRST, broken]).await.is_err());
        let db = connection(&schema).await;
        assert_eq!(version(&db).await.unwrap(), 1);
        assert_eq!(migrate(&db, &[FIRST, COMPATIBLE]).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn nobody_waits_behind_a_step_that_waits_for_a_long_transaction() {
        const STEP: Migration = step(2, 1, "ALTER TABLE a ADD COLUMN y int;");
        let Some(schema) = Schema::new().await.unwrap() else { return };
        migrate(&connection(&schema).await, &[FIRST]).await.unwrap();
        let mut reader = schema.client().await.unwrap();
        let reading = reader.transaction().await.unwrap();
        reading.batch_execute("LOCK TABLE a IN ACCESS SHARE MODE").await.unwrap();

        let db = connection(&schema).await;
        let migrating = tokio::spawn(async move { migrate(&db, &[FIRST, STEP]).await });
        let waiting = "SELECT 1 FROM pg_locks WHERE relation = to_regclass('a') AND NOT granted";
        while schema.rows(waiting).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        // As every connection of a node, this one waits a second for a lock.
        connection(&schema).await.batch("TABLE a").await.unwrap();
        assert!(!migrating.is_finished());
        reading.rollback().await.unwrap();
        assert_eq!(migrating.await.unwrap().unwrap(), 2);
    }

    #[test]
    fn the_migrations_are_in_order() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.version < b.version && a.min_version <= b.min_version));
        assert!(MIGRATIONS.iter().all(|step| step.min_version <= step.version));
    }
}
