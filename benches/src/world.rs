//! A database with many sessions, and what their browsers hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use countersign_core::session::{Life, MacKey, RefreshToken, State, Windows};
use countersign_core::token::FingerprintCookie;
use countersign_core::{Clock, Secret, SessionId, SystemClock, Timestamp, UserId};
use countersign_server::random::{Random, SystemRandom};
use countersign_server::seal::MasterSecret;
use countersign_server::store::postgres::{Options, PostgresStore};
use countersign_server::store::sqlite::SqliteStore;
use countersign_server::store::{Created, EventKind, Mode, NameKey, NewEvent, Session, Store, User};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::fill;

const RANDOM: &dyn Random = &SystemRandom;
/// Sessions of each user.
const EACH: usize = 5;
/// How many users are written at once, so that they share their commits; on a server there is one for each connection.
const AT_ONCE: usize = 256;
const SERVED: u32 = 16;

/// The cookies of one session.
#[derive(Clone)]
pub(crate) struct Jar {
    pub(crate) refresh: String,
    pub(crate) fingerprint: String,
    pub(crate) session: SessionId,
}

/// A data folder, its secret, and the jars of its sessions in no order.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    /// As `--database` wants it.
    pub(crate) database: String,
    pub(crate) master: MasterSecret,
    pub(crate) jars: Vec<Jar>,
}

struct Maker {
    store: Arc<dyn Store>,
    mac: MacKey,
    /// When everybody logged in: long enough ago that a refresh is no repeat.
    then: Timestamp,
}

impl World {
    /// A database with at least this many sessions, each of which was handed the child of its confirmed token.
    pub(crate) fn new(sessions: usize) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let store = SqliteStore::open(&folder.path().join("countersign.db"))?;
        Self::fill(&Runtime::new()?, Arc::new(store), sessions, folder, "sqlite".to_owned())
    }

    /// The same, among so many other sessions that nobody has the cookies of.
    pub(crate) fn among(others: usize, sessions: usize) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path().join("countersign.db");
        drop(SqliteStore::open(&path)?);
        fill::sessions(&path, others.div_ceil(EACH), EACH)?;
        Self::fill(
            &Runtime::new()?,
            Arc::new(SqliteStore::open(&path)?),
            sessions,
            folder,
            "sqlite".to_owned(),
        )
    }

    /// The same on a database server.
    pub(crate) fn on(url: &str, sessions: usize) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let options = Options { connections: SERVED, listen: false };
        let store = runtime.block_on(PostgresStore::open(&url.parse()?, options, Arc::new(SystemClock)))?;
        Self::fill(&runtime, Arc::new(store), sessions, TempDir::new()?, url.to_owned())
    }

    fn fill(
        runtime: &Runtime,
        store: Arc<dyn Store>,
        sessions: usize,
        folder: TempDir,
        database: String,
    ) -> anyhow::Result<Self> {
        let master = MasterSecret::from_slice(&[7; 32]).context("32 bytes are a master secret")?;
        let mac = master.mac_key()?;
        let then = SystemClock.now().minus(Duration::from_mins(10));
        let maker = Arc::new(Maker { store, mac, then });
        let mut jars = runtime.block_on(async {
            let (mut jars, mut tasks) = (Vec::with_capacity(sessions), JoinSet::new());
            let at_once = if database == "sqlite" { AT_ONCE } else { SERVED as usize };
            for n in 0..sessions.div_ceil(EACH) {
                tasks.spawn(Arc::clone(&maker).user(n));
                if tasks.len() >= at_once
                    && let Some(made) = tasks.join_next().await
                {
                    jars.extend(made??);
                }
            }
            while let Some(made) = tasks.join_next().await {
                jars.extend(made??);
            }
            anyhow::Ok(jars)
        })?;
        // The middle of an id is random: no order that the database knows.
        jars.sort_by_key(|jar| jar.session.as_bytes().iter().rev().copied().collect::<Vec<_>>());
        Ok(Self { folder, database, master, jars })
    }

    /// A copy of the database, for another program. Nobody may have it open.
    pub(crate) fn copy(&self) -> anyhow::Result<TempDir> {
        let copy = TempDir::new()?;
        let name = "countersign.db";
        std::fs::copy(self.folder.path().join(name), copy.path().join(name))?;
        Ok(copy)
    }
}

impl Maker {
    async fn user(self: Arc<Self>, n: usize) -> anyhow::Result<Vec<Jar>> {
        let user = User {
            id: UserId::at(self.then, RANDOM.bytes()?),
            email: format!("user{n}@example.com"),
            username: Some(format!("user{n}")),
            password: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"
                .into(),
            roles: vec!["user".to_owned()],
            default_role: "user".to_owned(),
            claims: BTreeMap::new(),
            claims_epoch: 0,
            disabled: false,
            created_at: self.then,
        };
        let names = [NameKey::from_folded(user.email.clone()), NameKey::from_folded(format!("user{n}"))];
        let signup = self.event(user.id, EventKind::Signup, None);
        if self.store.create_user(&user, &names, signup).await? == Created::NameTaken {
            anyhow::bail!("user {n} is there twice");
        }
        let mut jars = Vec::with_capacity(EACH);
        for _ in 0..EACH {
            jars.push(self.session(user.id).await?);
        }
        Ok(jars)
    }

    async fn session(&self, user: UserId) -> anyhow::Result<Jar> {
        let id = SessionId::at(self.then, RANDOM.bytes()?);
        let salt = Secret::fill_with(|bytes| RANDOM.fill(bytes))?;
        let fingerprint = FingerprintCookie::new(Secret::fill_with(|bytes| RANDOM.fill(bytes))?);
        let state = State::first(self.then);
        let place = state.child(self.then, &Windows::default());
        let token = RefreshToken { user, session: id, place, issued: self.then };
        let jar = Jar {
            refresh: token.seal(&self.mac, &salt),
            fingerprint: fingerprint.text().to_string(),
            session: id,
        };
        let life = Life {
            created_at: self.then,
            seen_at: self.then,
            idle: Duration::from_hours(1),
            absolute: Duration::from_hours(12),
        };
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let session = Session {
            user,
            id,
            parent: None,
            state,
            salt,
            fingerprint: fingerprint.hash(),
            mode: Mode::Cookie,
            remember: false,
            life,
            user_agent: Some(agent.to_owned()),
            ended: None,
        };
        self.store.create_session(session, self.event(user, EventKind::Login, Some(id))).await?;
        Ok(jar)
    }

    fn event(&self, user: UserId, kind: EventKind, session: Option<SessionId>) -> NewEvent {
        NewEvent { at: self.then, kind, user, session, detail: None }
    }
}
