//! Refreshes on PostgreSQL: the store's read and compare-and-swap, beside a bare loop of `tokio-postgres` that does
//! the same two statements. Both with as many connections as callers, in turns, on the server that
//! `TEST_POSTGRES` names.

#![expect(clippy::unwrap_used, reason = "a benchmark that goes wrong may panic")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_core::session::{Life, Place, State};
use countersign_core::token::FingerprintHash;
use countersign_core::{Secret, SessionId, SystemClock, Timestamp, UserId};
use countersign_server::store::postgres::{Options, PostgresStore};
use countersign_server::store::{EventKind, Mode, NewEvent, Session, Store, User};
use countersign_server::testing::Schema;
use tokio::task::JoinSet;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SESSIONS: u32 = 2_000;
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: u32 = 3;

const READ: &str = "SELECT s.*, u.* FROM sessions s JOIN users u ON u.id = s.user_id \
     WHERE s.user_id = $1 AND s.session_id = $2";
const CONFIRM: &str = "UPDATE sessions SET depth = $5, slot = $6, parent_slot = $7, confirmed_at = $8, seen_at = $8 \
     WHERE user_id = $1 AND session_id = $2 AND depth = $3 AND slot = $4 AND ended_at IS NULL";

fn id(n: u32) -> [u8; 16] {
    (u128::from(n) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}

fn state(depth: u32) -> State {
    State { place: Place { depth, slot: NOW, parent_slot: NOW }, confirmed_at: NOW }
}

#[tokio::main]
async fn main() {
    let Some(schema) = Schema::new().await.unwrap() else { return };
    for callers in [1, 32] {
        let options = Options { connections: callers, listen: true };
        let url = schema.url.parse().unwrap();
        let store = Arc::new(PostgresStore::open(&url, options, Arc::new(SystemClock)).await.unwrap());
        if callers == 1 {
            fill(&store).await;
        }
        for round in 1..=ROUNDS {
            let bare = bare(&schema, callers).await;
            let ours = ours(&store, callers).await;
            println!(
                "{callers} callers, round {round}: bare {bare}/s, store {ours}/s, {} %",
                ours * 100 / bare
            );
        }
    }
}

async fn fill(store: &PostgresStore) {
    for n in 0..SESSIONS {
        let user = User {
            id: UserId::from_bytes(id(n)),
            email: format!("{n}@example.org"),
            username: None,
            password: "x".repeat(97),
            roles: vec!["user".into()],
            default_role: "user".into(),
            claims: std::collections::BTreeMap::new(),
            claims_epoch: 0,
            disabled: false,
            created_at: NOW,
        };
        let event = NewEvent { at: NOW, kind: EventKind::Login, user: user.id, session: None, detail: None };
        let _created = store.create_user(&user, &[], event.clone()).await.unwrap();
        let Ok(salt) = Secret::fill_with(|_| Ok::<_, Infallible>(()));
        let hour = Duration::from_hours(1);
        let session = Session {
            user: user.id,
            id: SessionId::from_bytes(id(n)),
            parent: None,
            state: state(0),
            salt,
            fingerprint: FingerprintHash::from_bytes([0; 32]),
            mode: Mode::Cookie,
            remember: false,
            life: Life { created_at: NOW, seen_at: NOW, idle: hour, absolute: hour },
            user_agent: None,
            ended: None,
        };
        store.create_session(session, event).await.unwrap();
    }
}

/// Runs a refresher for each caller, each on sessions of its own; answers how many refreshes a second there were.
async fn ours(store: &Arc<PostgresStore>, callers: u32) -> u64 {
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (store, done) = (Arc::clone(store), Arc::clone(&done));
        tasks.spawn(async move {
            for n in (caller..SESSIONS).step_by(callers as usize).cycle() {
                let (user, session) = (UserId::from_bytes(id(n)), SessionId::from_bytes(id(n)));
                let held = store.session(user, session).await.unwrap().unwrap();
                let from = held.session.state;
                let to = state(from.place.depth + 1);
                assert!(store.confirm(user, session, &from, &to).await.unwrap());
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    rate(&done).await
}

async fn bare(schema: &Schema, callers: u32) -> u64 {
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let client = schema.client().await.unwrap();
        client.batch_execute("SET synchronous_commit = off").await.unwrap();
        let read = client.prepare(READ).await.unwrap();
        let confirm = client.prepare(CONFIRM).await.unwrap();
        let done = Arc::clone(&done);
        tasks.spawn(async move {
            for n in (caller..SESSIONS).step_by(callers as usize).cycle() {
                let key = &id(n)[..];
                let row = client.query_one(&read, &[&key, &key]).await.unwrap();
                let (depth, slot): (i64, i64) = (row.get("depth"), row.get("slot"));
                let with: [&(dyn tokio_postgres::types::ToSql + Sync); 8] =
                    [&key, &key, &depth, &slot, &(depth + 1), &slot, &slot, &slot];
                assert_eq!(client.execute(&confirm, &with).await.unwrap(), 1);
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    rate(&done).await
}

async fn rate(done: &AtomicU64) -> u64 {
    tokio::time::sleep(ROUND / 6).await;
    let (before, since) = (done.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(ROUND).await;
    (done.load(Ordering::Relaxed) - before) * 1000 / u64::try_from(since.elapsed().as_millis()).unwrap()
}
