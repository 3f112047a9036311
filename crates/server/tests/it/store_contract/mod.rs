//! What every database must do, as tests of `dyn Store`: each takes a fresh [`Database`] and runs on all kinds.

mod attempts;
mod denylist;
mod keys;
mod processes;
mod sessions;
mod sweep;
mod users;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::session::{Life, State};
use countersign_core::token::FingerprintHash;
use countersign_core::{Secret, SessionId, Timestamp, UserId};
use countersign_server::store::sqlite::SqliteStore;
use countersign_server::store::{Created, EventKind, Mode, NameKey, NewEvent, Session, Store, User};
use countersign_server::testing::Schema;
use tempfile::TempDir;

/// A database of its own for one test. Opening it twice is two processes on one database.
enum Database {
    Sqlite(TempDir),
    Postgres(Schema),
}

/// A row of the outbox: kind, id, epoch, not_after.
type Denied = (String, Vec<u8>, Option<u64>, u64);

const OUTBOX: &str = "SELECT kind, id, epoch, not_after FROM denylist ORDER BY seq";

impl Database {
    fn sqlite() -> impl Future<Output = Option<Self>> {
        std::future::ready(Some(Self::Sqlite(tempfile::tempdir().unwrap())))
    }

    /// None where the tests have no server.
    async fn postgres() -> Option<Self> {
        Schema::new().await.unwrap().map(Self::Postgres)
    }

    fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(folder) => {
                Arc::new(SqliteStore::open(&folder.path().join("countersign.db")).unwrap())
            }
            Self::Postgres(schema) => Arc::new(blocking(schema.open()).unwrap()),
        }
    }

    /// The outbox from its beginning, row by row.
    fn denied(&self) -> Vec<Denied> {
        let number = |n: Option<i64>| n.map(i64::unsigned_abs);
        match self {
            Self::Sqlite(folder) => {
                let db = rusqlite::Connection::open(folder.path().join("countersign.db")).unwrap();
                let mut rows = db.prepare(OUTBOX).unwrap();
                rows.query_map([], |row| {
                    Ok((row.get(0)?, row.get(1)?, number(row.get(2)?), row.get::<_, i64>(3)?.unsigned_abs()))
                })
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap()
            }
            Self::Postgres(schema) => blocking(schema.rows(OUTBOX))
                .unwrap()
                .iter()
                .map(|row| (row.get(0), row.get(1), number(row.get(2)), row.get::<_, i64>(3).unsigned_abs()))
                .collect(),
        }
    }
}

fn blocking<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

/// Runs a module's tests on every kind of database.
macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        $crate::store_contract::contract!(sqlite: $($test)*);
        $crate::store_contract::contract!(postgres: $($test)*);
    };
    ($kind:ident: $($test:ident)*) => {
        mod $kind {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(database) = $crate::store_contract::Database::$kind().await {
                        super::$test(database).await;
                    }
                }
            )*
        }
    };
}
use contract;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DENY_UNTIL: Timestamp = Timestamp::from_secs(1_800_004_000);

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn user_id(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

fn session_id(n: u8) -> SessionId {
    SessionId::from_bytes([n; 16])
}

fn name(text: &str) -> NameKey {
    NameKey::from_folded(text.to_owned())
}

fn user(n: u8) -> User {
    User {
        id: user_id(n),
        email: format!("Ann{n}@example.org"),
        username: Some(format!("Ann{n}")),
        password: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA".to_owned(),
        roles: vec!["user".to_owned(), "editor".to_owned()],
        default_role: "user".to_owned(),
        claims: BTreeMap::from([("x-hasura-org-id".to_owned(), "7".to_owned())]),
        claims_epoch: 0,
        disabled: false,
        created_at: NOW,
    }
}

fn event(user: UserId, kind: EventKind) -> NewEvent {
    NewEvent { at: NOW, kind, user, session: None, detail: None }
}

/// Session `id` of user `user`, with the fingerprint `[id; 32]`.
fn session(user: u8, id: u8) -> Session {
    let Ok(salt) = Secret::fill_with(|bytes| {
        *bytes = [id; 16];
        Ok::<_, Infallible>(())
    });
    Session {
        user: user_id(user),
        id: session_id(id),
        parent: None,
        state: State::first(NOW),
        salt,
        fingerprint: FingerprintHash::from_bytes([id; 32]),
        mode: Mode::Header,
        remember: true,
        life: Life {
            created_at: NOW,
            seen_at: NOW,
            idle: Duration::from_hours(1),
            absolute: Duration::from_hours(12),
        },
        user_agent: Some("Test/1".to_owned()),
        ended: None,
    }
}

fn fork(user: u8, id: u8, parent: u8) -> Session {
    Session { parent: Some(session_id(parent)), ..session(user, id) }
}

async fn sign_up(store: &dyn Store, n: u8) {
    let user = user(n);
    let names = [name(&format!("ann{n}@example.org")), name(&format!("ann{n}"))];
    let created = store.create_user(&user, &names, event(user.id, EventKind::Signup)).await;
    assert_eq!(created.unwrap(), Created::Done);
}

async fn log_in(store: &dyn Store, session: Session) {
    let event = NewEvent { session: Some(session.id), ..event(session.user, EventKind::Login) };
    assert!(store.create_session(session, event).await.unwrap());
}

async fn kinds(store: &dyn Store, user: UserId) -> Vec<EventKind> {
    let events = store.events(user, None, 100).await.unwrap();
    events.into_iter().rev().map(|event| event.what.kind).collect()
}
