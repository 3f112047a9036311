//! What the embedded store does in a second, with as many callers at once as the name says.
//!
//! Group commit shows in the durable writes: 64 callers must get far more than 64 times less than one each.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that goes wrong may panic")]

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use countersign_core::session::{Life, Place, State};
use countersign_core::token::FingerprintHash;
use countersign_core::{Secret, SessionId, Timestamp, UserId};
use countersign_server::store::sqlite::SqliteStore;
use countersign_server::store::{EventKind, Mode, NewEvent, Session, Store, User};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const USERS: u32 = 10_000;
const SESSIONS: u32 = 100_000;
const EACH: u32 = 50;

/// A database with users and sessions, and how often each session was confirmed.
struct World {
    store: SqliteStore,
    depths: Vec<AtomicU32>,
    made: AtomicU32,
}

fn user_id(session: u32) -> UserId {
    let n = session % USERS;
    UserId::at(NOW, spread(n))
}

fn session_id(n: u32) -> SessionId {
    SessionId::at(NOW, spread(n))
}

/// Ten bytes that differ for each `n`, in no order.
fn spread(n: u32) -> [u8; 10] {
    let mut bytes = [0; 10];
    let mixed = u64::from(n).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bytes[..8].copy_from_slice(&mixed.to_be_bytes());
    bytes
}

fn state(depth: u32) -> State {
    let place = Place { depth, slot: NOW, parent_slot: NOW };
    State { place, confirmed_at: NOW }
}

fn event(session: u32) -> NewEvent {
    NewEvent {
        at: NOW,
        kind: EventKind::Login,
        user: user_id(session),
        session: Some(session_id(session)),
        detail: None,
    }
}

impl World {
    async fn create_session(&self) {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        let Ok(salt) = Secret::fill_with(|_| Ok::<_, Infallible>(()));
        let mut fingerprint = [0; 32];
        fingerprint[..10].copy_from_slice(&spread(n));
        let session = Session {
            user: user_id(n),
            id: session_id(n),
            parent: None,
            state: state(0),
            salt,
            fingerprint: FingerprintHash::from_bytes(fingerprint),
            mode: Mode::Cookie,
            remember: false,
            life: Life {
                created_at: NOW,
                seen_at: NOW,
                idle: Duration::from_hours(1),
                absolute: Duration::from_hours(12),
            },
            user_agent: Some(
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
            ),
            ended: None,
        };
        assert!(self.store.create_session(session, event(n)).await.unwrap());
    }

    async fn create_user(&self, n: u32) {
        let user = User {
            id: user_id(n),
            email: format!("user{n}@example.org"),
            username: Some(format!("user{n}")),
            password: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"
                .to_owned(),
            roles: vec!["user".to_owned()],
            default_role: "user".to_owned(),
            claims: std::collections::BTreeMap::new(),
            claims_epoch: 0,
            disabled: false,
            created_at: NOW,
        };
        let created = self.store.create_user(&user, &[], event(n)).await;
        assert_eq!(created.unwrap(), countersign_server::store::Created::Done);
    }

    async fn read(&self, n: u32) {
        assert!(self.store.session(user_id(n), session_id(n)).await.unwrap().is_some());
    }

    async fn confirm(&self, n: u32) {
        let depth = self.depths[n as usize].fetch_add(1, Ordering::Relaxed);
        let (from, to) = (state(depth), state(depth + 1));
        assert!(self.store.confirm(user_id(n), session_id(n), &from, &to).await.unwrap());
    }

    /// What a refresh does to the store.
    async fn refresh(&self, n: u32) {
        self.read(n).await;
        self.confirm(n).await;
    }
}

/// `callers` tasks at once, each of which calls `EACH` times, every time for another session.
fn at_once<F, Call>(runtime: &Runtime, callers: u32, call: F)
where
    F: Fn(u32) -> Call + Clone + Send + 'static,
    Call: Future<Output = ()> + Send,
{
    runtime.block_on(async {
        let tasks = (0..callers).map(|caller| {
            let call = call.clone();
            tokio::spawn(async move {
                for turn in 0..EACH {
                    call((caller * EACH + turn).wrapping_mul(7919) % SESSIONS).await;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

fn store(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World {
        store: SqliteStore::open(&folder.path().join("bench.db")).unwrap(),
        depths: (0..SESSIONS).map(|_| AtomicU32::new(0)).collect(),
        made: AtomicU32::new(0),
    });
    runtime.block_on(async {
        let tasks = (0..100).map(|part| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                for n in 0..USERS / 100 {
                    world.create_user(part * (USERS / 100) + n).await;
                }
                for _ in 0..SESSIONS / 100 {
                    world.create_session().await;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });

    let mut group = criterion.benchmark_group("store");
    group.sample_size(20);
    macro_rules! measure {
        ($name:literal, $callers:literal, |$world:ident, $n:pat_param| $call:expr) => {
            group.throughput(Throughput::Elements(u64::from($callers * EACH)));
            group.bench_function(concat!($name, " × ", $callers), |bencher| {
                bencher.iter(|| {
                    let world = Arc::clone(&world);
                    at_once(&runtime, $callers, move |$n| {
                        let $world = Arc::clone(&world);
                        async move { $call.await }
                    });
                });
            });
        };
    }
    measure!("read", 1u32, |world, n| world.read(n));
    measure!("read", 64u32, |world, n| world.read(n));
    measure!("confirm (relaxed)", 1u32, |world, n| world.confirm(n));
    measure!("confirm (relaxed)", 16u32, |world, n| world.confirm(n));
    measure!("confirm (relaxed)", 64u32, |world, n| world.confirm(n));
    measure!("refresh", 16u32, |world, n| world.refresh(n));
    measure!("create (durable)", 1u32, |world, _| world.create_session());
    measure!("create (durable)", 64u32, |world, _| world.create_session());
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
