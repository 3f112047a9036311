//! What only this kind of database can show: its plans, its faults, its clock.

use countersign_core::{ManualClock, SessionId, SystemClock, UserId};
use tokio_postgres::types::ToSql;

use super::*;
use crate::store::{NotReady, Store, statements};
use crate::testing::{OPTIONS, Schema};

/// A store on a schema of its own, if there is a server.
async fn store() -> Option<(Schema, PostgresStore)> {
    let schema = Schema::new().await.unwrap()?;
    let store = schema.open().await.unwrap();
    Some((schema, store))
}

#[tokio::test]
async fn every_statement_can_be_prepared() {
    let Some((schema, _store)) = store().await else { return };
    let client = schema.client().await.unwrap();
    let composed = [users::BY_ID, users::LIST, sessions::BY_KEY, sessions::BY_FINGERPRINT, sessions::LIVING];
    for sql in statements::of("postgres").into_iter().chain(composed.map(str::to_owned)) {
        if let Err(error) = client.prepare(&sql).await {
            panic!("{sql}: {}", fault::said(&error));
        }
    }
}

#[tokio::test]
async fn a_refresh_touches_one_row_by_primary_key() {
    let Some((schema, _store)) = store().await else { return };
    let client = schema.client().await.unwrap();
    // The tables are empty: else reading all of them would be cheapest.
    client.batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off").await.unwrap();
    let session_key = "Index Cond: ((user_id = '\\x01010101010101010101010101010101'::bytea) AND \
         (session_id = '\\x02020202020202020202020202020202'::bytea))";
    let user_key = "Index Cond: (id = '\\x01010101010101010101010101010101'::bytea)";
    let (user, session) = (Bytes([1; 16]), Bytes([2; 16]));
    let confirm: [&(dyn ToSql + Sync); 8] = [&user, &session, &0i64, &0i64, &1i64, &0i64, &0i64, &0i64];
    let read: [&(dyn ToSql + Sync); 2] = [&user, &session];
    for (sql, with, keys) in [
        (sessions::BY_KEY, &read[..], &[session_key, user_key][..]),
        (sessions::CONFIRM, &confirm[..], &[session_key][..]),
    ] {
        let rows = client.query(&format!("EXPLAIN {sql}"), with).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let scans = plan.iter().filter(|line| line.contains("Scan")).count();
        let conditions: Vec<_> =
            plan.iter().map(|line| line.trim()).filter(|line| line.starts_with("Index Cond")).collect();
        assert_eq!((scans, &conditions[..]), (keys.len(), keys), "{plan:#?}");
    }
}

#[tokio::test]
async fn a_class_of_durability_goes_with_each_commit() {
    use super::database::Durability::{Durable, Relaxed};
    let Some((_schema, store)) = store().await else { return };
    for (durability, expected) in [(Relaxed, "off"), (Durable, "on"), (Relaxed, "off")] {
        let setting = store.database.write(durability, (), |db, _| async move {
            let row = db.row("SHOW synchronous_commit", &[]).await?;
            Ok(row.map(|row| row.get::<_, String>(0)))
        });
        assert_eq!(setting.await.unwrap().as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_warning_at_a_durable_commit_is_a_failure() {
    use super::database::Durability::{Durable, Relaxed};
    let Some((_schema, store)) = store().await else { return };
    // A trigger that runs at the commit stands for the server that gives up waiting for a standby.
    let made = "CREATE TABLE waited (n int); \
         CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication due to user request'; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER warns AFTER INSERT ON waited DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION warn()";
    store.database.write(Durable, (), move |db, _| async move { db.batch(made).await }).await.unwrap();
    let insert = |durability| {
        store
            .database
            .write(durability, (), |db, _| async move { db.batch("INSERT INTO waited VALUES (1)").await })
    };
    assert!(insert(Relaxed).await.is_ok());
    let failed = insert(Durable).await.unwrap_err();
    assert!(failed.to_string().contains("warning"), "{failed}");
    store.ready().await.unwrap();
}

#[tokio::test]
async fn what_hangs_is_given_up_and_the_store_goes_on() {
    use super::database::Durability::Durable;
    let Some((schema, store)) = store().await else { return };
    let blocker = schema.client().await.unwrap();
    blocker.batch_execute("BEGIN; LOCK TABLE events").await.unwrap();
    let hung = store.database.write(Durable, (), |db, _| async move {
        db.batch("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; LOCK TABLE events").await
    });
    let refused = hung.await.unwrap_err();
    assert!(refused.to_string().contains("no answer within"), "{refused}");
    store.ready().await.unwrap();

    // And the server's own limit, which is the shorter one.
    let event = crate::store::NewEvent {
        at: Timestamp::from_secs(1),
        kind: crate::store::EventKind::Login,
        user: UserId::from_bytes([1; 16]),
        session: None,
        detail: None,
    };
    let refused = store.record(event.clone()).await.unwrap_err();
    assert!(refused.to_string().contains("55P03"), "{refused}");
    blocker.batch_execute("ROLLBACK").await.unwrap();
    store.record(event).await.unwrap();
}

/// Durable writes that wait for a standby hold their connections, and would starve the refreshes.
#[tokio::test]
async fn durable_writes_leave_connections_to_others() {
    use super::database::Durability::Durable;
    use std::sync::atomic::{AtomicU32, Ordering};
    struct Running(Arc<AtomicU32>);
    impl Drop for Running {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let Some((schema, store)) = store().await else { return };
    let blocker = schema.client().await.unwrap();
    blocker.batch_execute("BEGIN; LOCK TABLE events").await.unwrap();
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let hang = async || {
        let with = (Arc::clone(&running), Arc::clone(&most));
        let hung = store.database.write(Durable, with, |db, with| async move {
            with.1.fetch_max(with.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _running = Running(Arc::clone(&with.0));
            db.batch("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; LOCK TABLE events").await
        });
        hung.await.unwrap_err()
    };
    tokio::join!(hang(), hang(), hang(), hang(), hang(), hang());
    // One is shared, and one is left to the lists and writes that are not durable.
    assert_eq!(most.load(Ordering::SeqCst), OPTIONS.connections - 2);
}

/// The process of the server that a read is answered by.
async fn process(store: &PostgresStore) -> i32 {
    let read =
        |db: database::Db| async move { Ok(db.row("SELECT pg_backend_pid()", &[]).await?.unwrap().get(0)) };
    store.database.read(read).await.unwrap()
}

#[tokio::test]
async fn reads_share_a_connection_until_one_gets_no_answer() {
    let Some((_schema, store)) = store().await else { return };
    let shared = process(&store).await;
    let many = (0..16).map(|_| process(&store));
    assert_eq!(futures_util::future::join_all(many).await, [shared; 16], "of 4 connections one is shared");

    let hangs = "SET statement_timeout = 0; SELECT pg_sleep(4)";
    let hung = store.database.read(|db| async move { db.batch(hangs).await });
    let refused = hung.await.unwrap_err();
    assert!(refused.to_string().contains("no answer within"), "{refused}");
    assert_ne!(process(&store).await, shared);
}

#[tokio::test]
async fn who_waits_for_a_lock_holds_up_nobody_else() {
    let Some((schema, store)) = store().await else { return };
    store.ready().await.unwrap();
    let shared = process(&store).await;
    let blocker = schema.client().await.unwrap();
    blocker.batch_execute("BEGIN; SELECT 1 FROM meta WHERE key = 'probes' FOR UPDATE").await.unwrap();
    let waits = async {
        let elsewhere =
            "SELECT 1 FROM pg_locks WHERE NOT granted AND pid <> $1 AND pg_blocking_pids(pid) @> $2";
        let by =
            blocker.query_one("SELECT ARRAY[pg_backend_pid()]", &[]).await.unwrap().get::<_, Vec<i32>>(0);
        while blocker.query(elsewhere, &[&shared, &by]).await.unwrap().is_empty() {}
        let behind = process(&store).await;
        blocker.batch_execute("ROLLBACK").await.unwrap();
        behind
    };
    // What waits too long is given up, and asked for again.
    let probes = async { while store.ready().await.is_err() {} };
    assert_eq!(tokio::join!(probes, waits).1, shared);
}

#[tokio::test]
async fn transactions_that_met_are_tried_again() {
    use super::database::Durability::Durable;
    use std::sync::atomic::{AtomicU32, Ordering};
    let Some((_schema, store)) = store().await else { return };
    for code in ["40001", "40P01"] {
        let turns = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&turns);
        let raise = format!("DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$");
        let answer = store.database.write(Durable, (raise, counted), |db, with| async move {
            if with.1.fetch_add(1, Ordering::SeqCst) < 3 {
                db.batch(&with.0).await?;
            }
            Ok(())
        });
        answer.await.unwrap();
        assert_eq!(turns.load(Ordering::SeqCst), 4, "{code}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_refused_and_named() {
    let Some((schema, store)) = store().await else { return };
    // What a session on a standby says of itself.
    let url = format!("{}%20-cdefault_transaction_read_only%3Don", schema.url);
    let refused =
        PostgresStore::open(&url.parse().unwrap(), OPTIONS, Arc::new(SystemClock)).await.err().unwrap();
    assert!(refused.to_string().contains("does not allow writes"), "{refused}");

    // A primary that has become one since.
    let demoted = store.database.write(super::database::Durability::Durable, (), |db, _| async move {
        db.batch("SET TRANSACTION READ ONLY; INSERT INTO meta (key) VALUES ('x')").await
    });
    let refused = demoted.await.unwrap_err();
    assert!(refused.to_string().contains("the server is a standby"), "{refused}");
    store.ready().await.unwrap();
}

#[tokio::test]
async fn the_clock_is_the_databases_whatever_ours_says() {
    let Some((schema, store)) = store().await else { return };
    let far = |seconds: u64| SystemClock.now().plus(Duration::from_secs(seconds));
    let theirs = store.clock().now();
    let difference = theirs.since(SystemClock.now()).max(SystemClock.now().since(theirs));
    assert!(difference < Duration::from_secs(2), "they are on one machine: {difference:?}");

    let ours = Arc::new(ManualClock::new(far(3 * 3600)));
    let url = schema.url.parse().unwrap();
    let store = PostgresStore::open(&url, OPTIONS, Arc::clone(&ours) as Arc<dyn Clock>).await.unwrap();
    assert!(store.clock().now() < far(3600), "not three hours on");
    let off = store.ready().await.unwrap_err();
    assert!(matches!(off, NotReady::ClockOff(_)), "{off}");
    ours.set(SystemClock.now());
    store.ready().await.unwrap();
}

#[tokio::test]
async fn one_node_sweeps_at_a_time() {
    let Some((schema, first)) = store().await else { return };
    let second = schema.open().await.unwrap();
    let now = Timestamp::from_secs(1_800_000_000);
    let event = crate::store::NewEvent {
        at: Timestamp::from_secs(1),
        kind: crate::store::EventKind::Login,
        user: UserId::from_bytes([1; 16]),
        session: None,
        detail: None,
    };
    for _ in 0..2 {
        first.record(event.clone()).await.unwrap();
    }
    assert_eq!(first.sweep(now, Duration::ZERO).await.unwrap(), 2);
    first.record(event.clone()).await.unwrap();
    assert_eq!(second.sweep(now, Duration::ZERO).await.unwrap(), 0, "the first one has the lease");
    assert_eq!(first.sweep(now, Duration::ZERO).await.unwrap(), 1);
    first.record(event).await.unwrap();
    let later = now.plus(Duration::from_mins(2));
    assert_eq!(second.sweep(later, Duration::ZERO).await.unwrap(), 1, "the lease has run out");
}

#[tokio::test]
async fn an_end_that_is_repeated_waits_for_the_disk_again() {
    let Some((schema, store)) = store().await else { return };
    let user = UserId::from_bytes([1; 16]);
    let alice = crate::store::User {
        id: user,
        email: "a@example.org".into(),
        username: None,
        password: String::new(),
        roles: vec![],
        default_role: String::new(),
        claims: std::collections::BTreeMap::new(),
        claims_epoch: 0,
        disabled: false,
        created_at: Timestamp::from_secs(1),
    };
    let event = crate::store::NewEvent {
        at: Timestamp::from_secs(1),
        kind: crate::store::EventKind::Logout,
        user,
        session: None,
        detail: None,
    };
    let created = store.create_user(&alice, &[], event.clone()).await.unwrap();
    assert_eq!(created, crate::store::Created::Done);
    let row = async || {
        let rows = schema.rows("SELECT xmin::text FROM users").await.unwrap();
        rows[0].get::<_, String>(0)
    };
    let before = row().await;
    let session = SessionId::from_bytes([9; 16]);
    let reason = countersign_core::code::EndReason::Logout;
    let ended = store.end_session(user, session, reason, event, Timestamp::from_secs(2)).await.unwrap();
    assert_eq!(ended, []);
    assert_ne!(row().await, before, "nothing ended, and yet there is something to commit");
}

const NONE: [u8; 0] = [];

/// The ids of the sessions that were denied since, as their first byte.
async fn denied(store: &PostgresStore, last: &mut u64, limit: u32) -> Vec<u8> {
    let denied = store.denied_after(*last, limit).await.unwrap();
    *last = denied.last;
    denied.batch.sessions.iter().map(|(id, _)| id.as_bytes()[0]).collect()
}

fn deny(ids: std::ops::Range<u8>) -> String {
    let rows: Vec<_> =
        ids.map(|id| format!("('session', decode(repeat('{id:02x}', 16), 'hex'), 9)")).collect();
    format!("INSERT INTO denylist (kind, id, not_after) VALUES {}", rows.join(", "))
}

#[tokio::test]
async fn a_slow_commit_hides_no_entry_and_is_not_hidden() {
    let Some((schema, store)) = store().await else { return };
    let (slow, quick) = (schema.client().await.unwrap(), schema.client().await.unwrap());
    let mut last = 0;
    quick.batch_execute(&deny(1..2)).await.unwrap();
    assert_eq!(denied(&store, &mut last, 9).await, [1]);

    slow.batch_execute(&format!("BEGIN; {}", deny(10..12))).await.unwrap();
    quick.batch_execute(&deny(20..21)).await.unwrap();
    assert_eq!(denied(&store, &mut last, 9).await, [20], "though an older one is under way");
    assert_eq!(denied(&store, &mut last, 9).await, NONE, "and once");
    quick.batch_execute(&deny(21..22)).await.unwrap();
    slow.batch_execute("COMMIT").await.unwrap();
    assert_eq!(denied(&store, &mut last, 9).await, [10, 11, 21]);
    assert_eq!(denied(&store, &mut last, 9).await, NONE);

    slow.batch_execute(&format!("BEGIN; {}; ROLLBACK", deny(30..31))).await.unwrap();
    assert_eq!(denied(&store, &mut last, 9).await, NONE);
}

#[tokio::test]
async fn what_is_committed_between_two_pages_comes_after_them() {
    let Some((schema, store)) = store().await else { return };
    let (slow, quick) = (schema.client().await.unwrap(), schema.client().await.unwrap());
    slow.batch_execute(&format!("BEGIN; {}", deny(10..12))).await.unwrap();
    quick.batch_execute(&deny(20..25)).await.unwrap();
    let mut last = 0;
    assert_eq!(denied(&store, &mut last, 3).await, [20, 21, 22]);
    slow.batch_execute("COMMIT").await.unwrap();
    assert_eq!(denied(&store, &mut last, 3).await, [23, 24]);
    assert_eq!(denied(&store, &mut last, 3).await, [10, 11]);
    assert_eq!(denied(&store, &mut last, 3).await, NONE);
    // A page that is full to the last entry.
    quick.batch_execute(&deny(30..33)).await.unwrap();
    assert_eq!(denied(&store, &mut last, 3).await, [30, 31, 32]);
    quick.batch_execute(&deny(33..34)).await.unwrap();
    assert_eq!(denied(&store, &mut last, 3).await, [33]);
}

#[tokio::test]
async fn a_follower_that_lost_its_connection_tells_everything_again() {
    let Some((schema, store)) = store().await else { return };
    let client = schema.client().await.unwrap();
    client.batch_execute(&deny(1..3)).await.unwrap();
    let mut last = 0;
    assert_eq!(denied(&store, &mut last, 9).await, [1, 2]);
    store.follower.cut().await;
    assert_eq!(denied(&store, &mut last, 9).await, [1, 2]);
    assert_eq!(denied(&store, &mut last, 9).await, NONE);
}

#[tokio::test]
async fn without_notifications_it_looks() {
    let Some((schema, first)) = store().await else { return };
    let url = schema.url.parse().unwrap();
    let options = Options { listen: false, ..OPTIONS };
    let store = PostgresStore::open(&url, options, Arc::new(SystemClock)).await.unwrap();
    let mut writes = store.writes().unwrap();
    let mut last = 0;
    first
        .database
        .write(database::Durability::Durable, (), |db, _| async move { db.batch(&deny(1..2)).await })
        .await
        .unwrap();
    while denied(&store, &mut last, 9).await.is_empty() {
        writes.changed().await.unwrap();
    }
    drop(store);
    while writes.changed().await.is_ok() {}
}

#[tokio::test]
async fn new_entries_are_found_by_an_index() {
    let Some((schema, _store)) = store().await else { return };
    let client = schema.client().await.unwrap();
    let fill = "INSERT INTO denylist (kind, id, not_after) SELECT 'session', decode(md5(n::text), 'hex'), 9 \
         FROM generate_series(1, 20000) n; ANALYZE denylist";
    client.batch_execute(fill).await.unwrap();
    let now: String = client.query_one(follower::NOW, &[]).await.unwrap().get(0);
    let oldest = now.split(':').next().unwrap().to_owned();
    let with: [&(dyn ToSql + Sync); 5] = [&oldest, &0i64, &now, &now, &1024i64];
    let rows = client.query(&format!("EXPLAIN {}", follower::PAGE), &with).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("denylist_by_xid")), "{plan:#?}");
    assert!(plan.iter().any(|line| line.contains("Index Cond: (ROW(xid, seq) > ")), "{plan:#?}");
    assert!(plan.iter().all(|line| !line.contains("Sort")), "in the order of the index: {plan:#?}");
}

#[tokio::test]
async fn the_way_is_encrypted_and_the_server_must_be_vouched_for() {
    let Some((schema, _store)) = store().await else { return };
    let rows = schema.rows("SELECT 1 FROM pg_settings WHERE name = 'ssl' AND setting = 'on'").await.unwrap();
    if rows.is_empty() {
        return eprintln!("skipped: the server of TEST_POSTGRES has no TLS");
    }
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/tests/fixtures/localhost.crt");
    let vouched = format!("{}&sslmode=verify-full&sslrootcert={authority}", schema.url);
    let store = PostgresStore::open(&vouched.parse().unwrap(), OPTIONS, Arc::new(SystemClock)).await.unwrap();
    let encrypted = store.database.read(|db| async move {
        let row = db.row("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await?;
        Ok(row.map(|row| row.get::<_, bool>(0)))
    });
    assert_eq!(encrypted.await.unwrap(), Some(true));

    let stranger = format!("{}&sslmode=verify-full", schema.url);
    let refused = PostgresStore::open(&stranger.parse().unwrap(), OPTIONS, Arc::new(SystemClock)).await;
    let refused = refused.err().unwrap().to_string();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
}
