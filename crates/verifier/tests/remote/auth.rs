//! An auth server of a few lines, which says what a test wants it to say.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{Algorithm, Claims, FingerprintCookie, HasuraClaims, KeySet, SigningKey};
use countersign_core::{Clock, ManualClock, SessionId, Timestamp, UserId};
use countersign_verifier::{Builder, Shown, Verifier};
use futures_util::stream;
use http::HeaderMap;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub(crate) const SERVICE_KEY: &str = "csk_test";
pub(crate) const ISSUER: &str = "https://auth.example";
const COOKIE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A running server; it stops when dropped.
#[derive(Clone)]
pub(crate) struct Auth(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) url: String,
    pub(crate) clock: Arc<ManualClock>,
    /// What it answers instead of a stream.
    pub(crate) refusal: Mutex<Option<(u16, &'static str)>>,
    /// What it says right after the beginning of each stream, once.
    pub(crate) oddity: Mutex<Option<String>>,
    pub(crate) streams: AtomicUsize,
    pub(crate) jwks: AtomicUsize,
    /// The `Last-Event-ID` of each stream.
    pub(crate) resumed: Mutex<Vec<Option<String>>>,
    said: Mutex<Said>,
    changes: watch::Sender<u64>,
}

struct Said {
    node: u64,
    log: Vec<Batch>,
    keys: Vec<SigningKey>,
    published: usize,
}

impl std::ops::Deref for Auth {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Auth {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let auth = Self(Arc::new(Inner {
            url: format!("http://{}", listener.local_addr().unwrap()),
            clock: Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000))),
            refusal: Mutex::default(),
            oddity: Mutex::default(),
            streams: AtomicUsize::new(0),
            jwks: AtomicUsize::new(0),
            resumed: Mutex::default(),
            said: Mutex::new(Said {
                node: 1,
                log: Vec::new(),
                keys: vec![SigningKey::generate(Algorithm::Es256).unwrap()],
                published: 1,
            }),
            changes: watch::Sender::new(0),
        }));
        let router = Router::new()
            .route("/auth/revocations", get(revocations))
            .route("/.well-known/jwks.json", get(jwks))
            .with_state(auth.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        auth
    }

    /// How a verifier of this server begins.
    pub(crate) fn verifier(&self) -> Builder {
        Verifier::builder(ISSUER)
            .reached_at(&self.url)
            .service_key(SERVICE_KEY)
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
    }

    pub(crate) fn end(&self, session: SessionId) {
        let until = self.clock.now().plus(Duration::from_hours(24));
        self.say(Batch { sessions: vec![(session, until)], ..Batch::default() });
    }

    pub(crate) fn say(&self, batch: Batch) {
        self.said().log.push(batch);
        self.changed();
    }

    /// Signs with a new key from now on, which only the JWKS names unless it is announced.
    pub(crate) fn rotate(&self, announced: bool) {
        let mut said = self.said();
        said.keys.push(SigningKey::generate(Algorithm::Es256).unwrap());
        if announced {
            said.published = said.keys.len();
        }
        drop(said);
        self.changed();
    }

    /// Another process of the same server: it knows what was said, and no ids of before.
    pub(crate) fn restart(&self) {
        self.said().node += 1;
    }

    /// A heartbeat now.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    /// How many streams are open.
    pub(crate) fn listeners(&self) -> usize {
        self.changes.receiver_count()
    }

    pub(crate) fn token(&self, session: SessionId) -> String {
        let said = self.said();
        self.signed(session, said.keys.last().unwrap())
    }

    /// A token that names a key which nobody has.
    pub(crate) fn token_of_no_key(&self) -> String {
        self.signed(SessionId::from_bytes([9; 16]), &SigningKey::generate(Algorithm::Es256).unwrap())
    }

    /// A token that says it is of this session, signed by this key.
    pub(crate) fn signed(&self, session: SessionId, key: &SigningKey) -> String {
        let iat = self.clock.now().as_secs();
        let claims = Claims {
            iss: ISSUER.into(),
            sub: UserId::from_bytes([1; 16]),
            aud: "api".into(),
            iat,
            exp: iat + 900,
            jti: "jti".into(),
            sid: session,
            cep: 1,
            client_id: "countersign".into(),
            preferred_username: None,
            hasura: HasuraClaims {
                user_id: "usr".into(),
                default_role: "user".into(),
                allowed_roles: vec!["user".into()],
                custom: BTreeMap::new(),
                fingerprint: Some(FingerprintCookie::parse(COOKIE).unwrap().hash()),
            },
            extra: serde_json::Map::new(),
        };
        key.sign(&claims, "at+jwt").unwrap()
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap()
    }
}

pub(crate) fn session(number: u64) -> SessionId {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    SessionId::from_bytes((u128::from(number) << 64 | u128::from(spread)).to_be_bytes())
}

pub(crate) fn shown(token: &str) -> Shown<'_> {
    Shown { token: Some(token), fingerprint: Some(COOKIE) }
}

async fn jwks(State(auth): State<Auth>) -> String {
    auth.jwks.fetch_add(1, Ordering::Relaxed);
    set(&auth.said().keys)
}

fn set(keys: &[SigningKey]) -> String {
    keys.iter().filter_map(SigningKey::public).cloned().collect::<KeySet>().to_jwks()
}

async fn revocations(State(auth): State<Auth>, headers: HeaderMap) -> Response {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    auth.streams.fetch_add(1, Ordering::Relaxed);
    if let Some((status, retry_after)) = *auth.refusal.lock().unwrap() {
        return Response::builder()
            .status(status)
            .header("Retry-After", retry_after)
            .body(Body::empty())
            .unwrap();
    }
    if text("authorization") != Some(format!("Bearer {SERVICE_KEY}")) {
        return http::StatusCode::UNAUTHORIZED.into_response();
    }
    auth.resumed.lock().unwrap().push(text("last-event-id"));
    let (to, from) = mpsc::channel(4);
    tokio::spawn(speak(auth.clone(), text("last-event-id"), to));
    let body = stream::unfold(from, async |mut from: mpsc::Receiver<String>| {
        from.recv().await.map(|text| (Ok::<_, Infallible>(Bytes::from(text)), from))
    });
    ([("Content-Type", "text/event-stream")], Body::from_stream(body)).into_response()
}

async fn speak(auth: Auth, last_event: Option<String>, to: mpsc::Sender<String>) -> Option<()> {
    let mut changes = auth.changes.subscribe();
    let (node, resumed) = {
        let said = auth.said();
        let place = last_event.as_deref().and_then(|id| id.strip_prefix(&format!("{}.", said.node)));
        (said.node, place.and_then(|place| place.parse::<usize>().ok()))
    };
    let mut published = 0;
    let mut place = resumed.unwrap_or(0);
    let mut name = if resumed.is_some() { "entries" } else { "snapshot" };
    loop {
        let text = {
            let said = auth.said();
            let mut text = String::new();
            if published != said.published {
                published = said.published;
                text += &event("keys", &set(&said.keys[..published]), None);
            }
            while let Some(batch) = said.log.get(place) {
                place += 1;
                let id = (name == "entries").then(|| format!("{node}.{place}"));
                text += &event(name, &serde_json::to_string(batch).unwrap(), id.as_deref());
            }
            text += &auth.oddity.lock().unwrap().take().unwrap_or_default();
            let now = auth.clock.now();
            let heartbeat = serde_json::to_string(&Heartbeat { as_of: now, now }).unwrap();
            text + &event("heartbeat", &heartbeat, Some(&format!("{node}.{place}")))
        };
        name = "entries";
        to.send(text).await.ok()?;
        // A change, or the heartbeat of each second.
        let _beat = tokio::time::timeout(Duration::from_secs(1), changes.changed()).await;
    }
}

fn event(name: &str, data: &str, id: Option<&str>) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n")
}
