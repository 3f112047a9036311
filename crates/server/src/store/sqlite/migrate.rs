//! The schema and its history.

use rusqlite::{Connection, TransactionBehavior};

use super::{OpenError, meta};
use crate::store::Migration;

/// The steps of this version, oldest first.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    min_version: 1,
    sql: include_str!("../../../migrations/sqlite/0001_init.sql"),
}];

/// Brings the schema up to what these steps lead to and answers its number, one transaction for each; processes that
/// start at once take turns. A newer schema that whoever knows only these may still work on stays as it is.
pub(super) fn migrate(db: &mut Connection, migrations: &[Migration]) -> Result<u32, OpenError> {
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
    known(db, migrations)?;
    Ok(version(db)?)
}

/// Whether this binary can work on the schema, once that is brought up to date.
pub(super) fn suits(db: &Connection) -> Result<(), OpenError> {
    known(db, MIGRATIONS)
}

fn known(db: &Connection, migrations: &[Migration]) -> Result<(), OpenError> {
    let needs = meta::number(db, "min_version")?.unwrap_or(0);
    let knows = migrations.last().map_or(0, |last| last.version);
    if needs > knows {
        return Err(OpenError::NewerBinaryNeeded { needs, knows });
    }
    Ok(())
}

fn version(db: &Connection) -> rusqlite::Result<u32> {
    Ok(meta::number(db, "schema_version")?.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn step(version: u32, min_version: u32, sql: &'static str) -> Migration {
        Migration { version, min_version, sql }
    }

    const FIRST: Migration =
        step(1, 1, "CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT; CREATE TABLE a (x);");
    const COMPATIBLE: Migration = step(2, 1, "CREATE TABLE b (x);");
    const BREAKING: Migration = step(3, 3, "DROP TABLE a;");

    #[test]
    fn an_older_schema_is_brought_up_step_by_step_and_once() {
        let mut db = Connection::open_in_memory().unwrap();
        assert_eq!(migrate(&mut db, &[FIRST]).unwrap(), 1);
        for _ in 0..2 {
            assert_eq!(migrate(&mut db, &[FIRST, COMPATIBLE, BREAKING]).unwrap(), 3);
        }
    }

    #[test]
    fn a_newer_schema_is_left_alone_as_long_as_it_allows() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, &[FIRST, COMPATIBLE]).unwrap();
        assert_eq!(migrate(&mut db, &[FIRST]).unwrap(), 2);

        migrate(&mut db, &[FIRST, COMPATIBLE, BREAKING]).unwrap();
        let refused = migrate(&mut db, &[FIRST, COMPATIBLE]).unwrap_err();
        assert!(matches!(refused, OpenError::NewerBinaryNeeded { needs: 3, knows: 2 }));
        let text = refused.to_string();
        assert!(text.contains("schema 3") && text.contains("knows 2"), "{text}");
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_behind() {
        let mut db = Connection::open_in_memory().unwrap();
        let broken = step(2, 1, "CREATE TABLE b (x); CREATE TABLE a (x);");
        assert!(migrate(&mut db, &[FIRST, broken]).is_err());
        assert_eq!(version(&db).unwrap(), 1);
        assert_eq!(migrate(&mut db, &[FIRST, COMPATIBLE]).unwrap(), 2);
    }

    #[test]
    fn the_migrations_are_in_order() {
        assert!(MIGRATIONS.is_sorted_by(|a, b| a.version < b.version && a.min_version <= b.min_version));
        assert!(MIGRATIONS.iter().all(|step| step.min_version <= step.version));
    }
}
