//! The bound: a bare axum and rusqlite program that does for a request what a confirming refresh must do, and
//! nothing else. No check of MAC, fingerprint or origin, no claims but constants, no headers, no log.
//!
//! ```text
//! POST ──► read session and user by primary key ──► compare-and-swap, many to a commit ──► sign ES256 ──► answer
//! ```
//!
//! `bound DATABASE`, a copy of one that the server made; prints its port.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on stops")]
#![expect(clippy::disallowed_types, reason = "it is bare on purpose")]

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use axum::response::IntoResponse;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const READ: &str = "SELECT s.user_id, s.session_id, s.parent, s.depth, s.slot, s.parent_slot, s.confirmed_at, s.salt, \
     s.fingerprint, s.mode, s.remember, s.created_at, s.seen_at, s.idle_ms, s.absolute_ms, s.user_agent, \
     s.ended_at, s.end_reason, u.id, u.email, u.username, u.password, u.roles, u.default_role, u.claims, \
     u.claims_epoch, u.disabled, u.created_at \
     FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.user_id = ? AND s.session_id = ?";

const CONFIRM: &str = "UPDATE sessions SET depth = ?1, slot = ?2, parent_slot = ?3, confirmed_at = ?4, seen_at = ?4 \
     WHERE user_id = ?5 AND session_id = ?6 AND depth = ?7 AND slot = ?8 AND ended_at IS NULL";

static DATABASE: OnceLock<String> = OnceLock::new();

thread_local! {
    static READER: RefCell<Connection> = RefCell::new(open());
}

fn open() -> Connection {
    let db = Connection::open(DATABASE.get().unwrap()).unwrap();
    db.pragma_update(None, "journal_mode", "wal").unwrap();
    db.pragma_update(None, "synchronous", "normal").unwrap();
    // As the server does: else a join is prepared anew for each value.
    db.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
    db
}

/// The fields of a refresh token, as the layout in PROTOCOL.md has them.
struct Token {
    user: [u8; 16],
    session: [u8; 16],
    depth: u32,
    slot: i64,
    parent_slot: i64,
}

impl Token {
    fn read(text: &str) -> Self {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("cs_rt_").unwrap()).unwrap();
        let number = |at: usize| i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        Self {
            user: bytes[7..23].try_into().unwrap(),
            session: bytes[23..39].try_into().unwrap(),
            depth: u32::from_be_bytes(bytes[39..43].try_into().unwrap()),
            slot: number(43),
            parent_slot: number(51),
        }
    }

    fn write(&self) -> String {
        let mut bytes = vec![0; 99];
        bytes[7..23].copy_from_slice(&self.user);
        bytes[23..39].copy_from_slice(&self.session);
        bytes[39..43].copy_from_slice(&self.depth.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.slot.to_be_bytes());
        bytes[51..59].copy_from_slice(&self.parent_slot.to_be_bytes());
        format!("cs_rt_{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

struct Job {
    token: Token,
    now: i64,
    done: oneshot::Sender<(Token, bool)>,
}

struct Bound {
    jobs: mpsc::Sender<Job>,
    key: EcdsaKeyPair,
    random: SystemRandom,
}

/// Copies the log into the database, beside the writer: within its commits that would be the slowest part.
struct Checkpointer(Mutex<Connection>);

impl Checkpointer {
    fn pass(&self) {
        // Busy means that the next pass copies it.
        let _busy = self.0.lock().unwrap().wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE);
    }
}

fn write(mut jobs: mpsc::Receiver<Job>) {
    let db = open();
    db.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let checkpointer = Arc::new(Checkpointer(Mutex::new(open())));
    let (wake, woken) = sync_channel(1);
    let beside = Arc::clone(&checkpointer);
    std::thread::spawn(move || woken.iter().for_each(|()| beside.pass()));
    let (mut batch, mut rows) = (Vec::new(), 0);
    while jobs.blocking_recv_many(&mut batch, 256) > 0 {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        let swapped: Vec<_> = batch
            .drain(..)
            .map(|Job { token, now, done }| {
                let Token { user, session, depth, slot, parent_slot } = &token;
                let values = (depth, slot, parent_slot, now, user, session, depth - 1, parent_slot);
                let rows = db.prepare_cached(CONFIRM).unwrap().execute(values).unwrap();
                (done, token, rows == 1)
            })
            .collect();
        db.execute_batch("COMMIT").unwrap();
        // A row is a page of the log. Now and then the writer waits, so that the log can begin again.
        rows += swapped.len();
        if rows > 16_000 {
            checkpointer.pass();
            rows = 0;
        } else if rows % 1_000 < swapped.len() {
            let _ = wake.try_send(());
        }
        for (done, token, swapped) in swapped {
            let _ = done.send((token, swapped));
        }
    }
}

async fn refresh(State(bound): State<Arc<Bound>>, headers: HeaderMap) -> impl IntoResponse {
    let cookies = headers[COOKIE].to_str().unwrap();
    let cookie = cookies.split("; ").find_map(|pair| pair.strip_prefix("__Host-csrt=")).unwrap();
    let mut token = Token::read(cookie);
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let (depth, slot, roles, email) = READER.with_borrow(|db| {
        let mut statement = db.prepare_cached(READ).unwrap();
        statement
            .query_row((token.user, token.session), |row| {
                let text = |at| row.get::<_, String>(at);
                Ok((row.get::<_, u32>(3)?, row.get::<_, i64>(4)?, text(22)?, text(19)?))
            })
            .unwrap()
    });
    if token.depth == depth + 1 && token.parent_slot == slot {
        let (done, answer) = oneshot::channel();
        bound.jobs.send(Job { token, now, done }).await.ok().unwrap();
        let (confirmed, swapped) = answer.await.unwrap();
        assert!(swapped, "two clients with one token");
        token = confirmed;
    } else {
        // A repeat: the answer is the same child.
        token = Token { depth, slot, ..token };
    }
    let child = Token { depth: token.depth + 1, slot: now, parent_slot: token.slot, ..token };
    let seconds = now / 1000;
    let claims = json!({
        "iss": "http://localhost:4000", "sub": hex(&child.user), "aud": "api", "iat": seconds,
        "exp": seconds + 900, "jti": "kPrK_qmxVWaYVA9wwBF6Iu", "sid": hex(&child.session), "cep": 0,
        "client_id": "countersign", "preferred_username": email,
        "https://hasura.io/jwt/claims": {
            "x-hasura-user-id": hex(&child.user), "x-hasura-default-role": "user",
            "x-hasura-allowed-roles": serde_json::from_str::<serde_json::Value>(&roles).unwrap(),
            "X-User-Fingerprint": "8c9a2f1be1a9a3f0a5d1c3b4e5f60718293a4b5c6d7e8f901a2b3c4d5e6f7081",
        }
    });
    let header = r#"{"alg":"ES256","kid":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs","typ":"at+jwt"}"#;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = bound.key.sign(&bound.random, signed.as_bytes()).unwrap();
    let jwt = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let body = json!({ "jwt_token": jwt, "expires_in": 900, "session": { "depth": child.depth } });
    let cookie = format!("__Host-csrt={}; Path=/; Secure; HttpOnly; SameSite=Lax", child.write());
    ([(CONTENT_TYPE, "application/json".to_owned()), (SET_COOKIE, cookie)], body.to_string())
}

fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}

#[tokio::main]
async fn main() {
    DATABASE.set(std::env::args().nth(1).unwrap()).unwrap();
    let (jobs, queue) = mpsc::channel(1024);
    std::thread::spawn(move || write(queue));
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let bound = Arc::new(Bound { jobs, key, random: SystemRandom::new() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let router = Router::new().route("/auth/refresh", post(refresh)).with_state(bound);
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |socket| socket.set_nodelay(true).unwrap()),
        router,
    )
    .await
    .unwrap();
}
