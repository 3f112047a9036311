//! What only this kind of database can show: its plans, its files, and its disk failing.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use countersign_core::{Timestamp, UserId};
use rusqlite::OpenFlags;
use tempfile::TempDir;

use super::writer::Durability::{Durable, Relaxed};
use super::*;
use crate::store::{EventKind, NewEvent, Store, statements};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own/countersign.db");
    (folder, path)
}

fn event() -> NewEvent {
    NewEvent {
        at: Timestamp::from_secs(1),
        kind: EventKind::Login,
        user: UserId::from_bytes([1; 16]),
        session: None,
        detail: Some(serde_json::json!("x".repeat(3000))),
    }
}

async fn recorded(store: &SqliteStore) -> usize {
    let events = store.events(UserId::from_bytes([1; 16]), None, 10_000).await;
    events.unwrap().len()
}

#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    store.record(event()).await.unwrap();

    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in ["countersign.db", "countersign.db-wal", "countersign.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
    drop(store);
    assert!(!path.with_file_name("countersign.db-wal").exists(), "closing copies the log");
}

#[tokio::test]
async fn writes_fail_on_a_full_disk_and_work_again_when_there_is_room() {
    let (_folder, path) = folder();
    let limit = Arc::new(AtomicU32::new(60));
    let connect = {
        let (path, limit) = (path.clone(), Arc::clone(&limit));
        move || {
            let db = connection::open_writer(&path)?;
            db.pragma_update(None, "max_page_count", limit.load(Ordering::SeqCst))?;
            Ok(db)
        }
    };
    let store = SqliteStore::open_with(&path, connect, None).unwrap();

    let mut written = 0;
    while store.record(event()).await.is_ok() {
        written += 1;
        assert!(written < 1000, "the disk is not full");
    }
    for _ in 0..3 {
        assert!(store.record(event()).await.is_err());
    }
    assert_eq!(recorded(&store).await, written, "reads go on");

    limit.store(10_000, Ordering::SeqCst);
    store.record(event()).await.unwrap();
    assert_eq!(recorded(&store).await, written + 1);
}

#[tokio::test]
async fn writes_fail_on_a_read_only_file_and_work_again_when_it_is_not() {
    let (_folder, path) = folder();
    let read_only = Arc::new(AtomicBool::new(true));
    let connect = {
        let (path, read_only) = (path.clone(), Arc::clone(&read_only));
        move || {
            if read_only.load(Ordering::SeqCst) {
                // What SQLite falls back to for a file that it may not write.
                Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            } else {
                connection::open_writer(&path)
            }
        }
    };
    let store = SqliteStore::open_with(&path, connect, None).unwrap();
    for _ in 0..3 {
        let refused = store.record(event()).await.unwrap_err();
        assert!(refused.to_string().contains("readonly"), "{refused}");
        assert!(store.ready().await.is_err());
    }
    assert_eq!(recorded(&store).await, 0, "reads go on");

    read_only.store(false, Ordering::SeqCst);
    store.ready().await.unwrap();
    store.record(event()).await.unwrap();
    assert_eq!(recorded(&store).await, 1);
}

#[tokio::test]
async fn a_failed_commit_is_an_error_for_every_job_of_it() {
    let (_folder, path) = folder();
    let connect = {
        let path = path.clone();
        move || {
            let db = connection::open_writer(&path)?;
            db.pragma_update(None, "foreign_keys", true)?;
            Ok(db)
        }
    };
    let store = SqliteStore::open_with(&path, connect, None).unwrap();
    let (started, running) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel();
    let busy = store.writer.write(Relaxed, move |_| {
        started.send(()).unwrap();
        wait.recv().unwrap();
        Ok(())
    });
    // The two queue up while the writer is busy, so that they share the next commit.
    let queued = async {
        running.await.unwrap();
        let neighbour = store.record(event());
        // Passes as a statement; the commit finds that there is no parent 1.
        let broken = store.writer.write(Relaxed, |db| {
            db.execute_batch(
                "CREATE TABLE parent (id INTEGER PRIMARY KEY); \
                 CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED); \
                 INSERT INTO child VALUES (1);",
            )
        });
        let release = async { go.send(()).unwrap() };
        tokio::join!(biased; neighbour, broken, release)
    };
    let (busy, (neighbour, broken, ())) = tokio::join!(busy, queued);

    busy.unwrap();
    assert!(neighbour.is_err() && broken.is_err());
    assert_eq!(recorded(&store).await, 0);
    store.record(event()).await.unwrap();
    assert_eq!(recorded(&store).await, 1);
}

#[tokio::test]
async fn a_synchronous_setting_goes_with_each_commit() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let synchronous =
        |db: &Connection| db.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
    for (durability, expected) in [(Relaxed, 1), (Durable, 2), (Relaxed, 1)] {
        assert_eq!(store.writer.write(durability, synchronous).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_log_begins_again_under_load_without_a_gap() {
    let (_folder, path) = folder();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let writers = (0..32).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..1_000 {
                store.record(event()).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let log = path.with_file_name("countersign.db-wal").metadata().unwrap().len();
    let most = u64::from(2 * checkpoint::LIMIT) * 4096;
    assert!(log < most, "the log is {log} bytes long");
}

#[test]
fn the_hot_statements_search_by_primary_key() {
    let (_folder, path) = folder();
    migrate(&path).unwrap();
    let db = connection::open_reader(&path).unwrap();
    let key = "PRIMARY KEY (user_id=? AND session_id=?)";
    let id = "PRIMARY KEY (id=?)";
    for (sql, expected) in [
        (sessions::BY_KEY, vec![format!("SEARCH s USING {key}"), format!("SEARCH u USING {id}")]),
        (sessions::CONFIRM, vec![format!("SEARCH sessions USING {key}")]),
        (
            users::BY_NAME,
            vec!["SEARCH n USING PRIMARY KEY (name_key=?)".to_owned(), format!("SEARCH u USING {id}")],
        ),
        (denylist::AFTER, vec!["SEARCH denylist USING INTEGER PRIMARY KEY (rowid>?)".to_owned()]),
    ] {
        assert_eq!(plan(&db, sql), expected, "{sql}");
    }
}

#[test]
fn every_statement_can_be_prepared() {
    let (_folder, path) = folder();
    migrate(&path).unwrap();
    let db = connection::open_writer(&path).unwrap();
    db.execute_batch(replay::WATCH).unwrap();
    for sql in statements::of("sqlite") {
        if let Err(error) = db.prepare(&sql) {
            panic!("{sql}: {error}");
        }
    }
}

#[test]
fn no_statement_of_the_sweep_reads_a_whole_table() {
    let (_folder, path) = folder();
    migrate(&path).unwrap();
    let db = connection::open_reader(&path).unwrap();
    for sql in [sweep::SESSIONS, sweep::EVENTS, sweep::DENYLIST, sweep::ATTEMPTS] {
        let plan = plan(&db, sql);
        assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{sql}: {plan:?}");
    }
}

fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let parameters = vec![rusqlite::types::Null; explain.parameter_count()];
    explain
        .query_map(rusqlite::params_from_iter(parameters), |row| row.get("detail"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// With `SQLITE_ENABLE_STAT4` SQLite prepares a statement anew for each value that could change its plan, which
/// costs several times as much as running it.
#[test]
fn the_hot_statements_are_prepared_once() {
    let (_folder, path) = folder();
    migrate(&path).unwrap();
    let db = connection::open_writer(&path).unwrap();
    for sql in [sessions::BY_KEY, sessions::CONFIRM, users::BY_NAME] {
        for turn in 0..3 {
            let mut statement = db.prepare_cached(sql).unwrap();
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, [turn; 16]).unwrap();
            }
            while statement.raw_query().next().unwrap().is_some() {}
            assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0, "{sql}");
        }
    }
}
