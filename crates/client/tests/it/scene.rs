//! A server, a relay before it, a client, and one time for all.

use std::sync::Arc;
use std::time::Duration;

use countersign_client::{Client, Config, Login, Mode, SessionStore, SignedOut, State};
use countersign_server::testing::{TestServer, config};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::time::ManualTime;

pub(crate) const NAME: &str = "ann";
pub(crate) const PASSWORD: &str = "correct horse";

/// The life of an access token.
pub(crate) const LIFE: Duration = Duration::from_mins(15);

/// A route that wants an access token.
pub(crate) const ME: &str = "/auth/me";
pub(crate) const REFRESH: &str = "/auth/refresh";
pub(crate) const LOGOUT: &str = "/auth/logout";

pub(crate) struct Scene {
    pub(crate) server: TestServer,
    pub(crate) relay: Relay,
    pub(crate) time: Arc<ManualTime>,
    pub(crate) client: Client,
}

impl Scene {
    /// Ann has an account, and nobody is signed in.
    pub(crate) async fn new() -> Self {
        Self::with(|config| config).await
    }

    pub(crate) async fn with_store(store: impl SessionStore) -> Self {
        Self::with(|config| config.store(store)).await
    }

    pub(crate) async fn with(change: impl FnOnce(Config) -> Config) -> Self {
        let server = TestServer::start(config()).await.unwrap();
        let account = json!({ "email": "ann@example.com", "username": NAME, "password": PASSWORD });
        let signup = reqwest::Client::new().post(format!("{}/auth/signup", server.url)).json(&account);
        assert_eq!(signup.send().await.unwrap().status(), 201);
        let relay = Relay::start(&server.url).await;
        let time = ManualTime::new();
        let config = change(Config::new(&relay.url).world(Arc::clone(&time) as Arc<_>));
        let client = Client::new(config).unwrap();
        Self { server, relay, time, client }
    }

    pub(crate) async fn signed_in() -> Self {
        let scene = Self::new().await;
        scene.login(Mode::Cookie).await;
        scene
    }

    /// Another program with the same time.
    pub(crate) fn other(&self, store: impl SessionStore) -> Client {
        let config = Config::new(&self.relay.url).world(Arc::clone(&self.time) as Arc<_>);
        Client::new(config.store(store)).unwrap()
    }

    pub(crate) async fn login(&self, mode: Mode) {
        self.client.login(Login::new(NAME, PASSWORD.to_owned()).mode(mode)).await.unwrap();
    }

    /// Time goes on, for all.
    pub(crate) fn wait(&self, span: Duration) {
        self.server.clock.advance(span);
        self.time.advance(span);
    }

    /// Waits until somebody waits before the next try, and lets that time pass.
    pub(crate) async fn wait_out(&self) -> Duration {
        let span = self.time.asleep(Duration::from_millis(1)..Duration::from_millis(7_999)).await;
        self.wait(span);
        span
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.relay.seen(REFRESH).len()
    }

    pub(crate) fn signed_out(&self) -> Option<SignedOut> {
        match &*self.client.state().borrow() {
            State::SignedOut(why) => Some(why.clone()),
            _ => None,
        }
    }

    pub(crate) fn degraded(&self) -> bool {
        matches!(&*self.client.state().borrow(), State::Degraded(..))
    }

    /// Asks the server who the client is.
    pub(crate) async fn me(&self) -> (u16, Value) {
        me(&self.client, &self.relay.url).await
    }

    /// What the server has noted since the sign-up, oldest first.
    pub(crate) fn events(&self) -> Vec<String> {
        let path = self.server.folder.path().join("countersign.db");
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut query = database.prepare("SELECT kind FROM events ORDER BY id").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).skip(2).collect()
    }
}

pub(crate) async fn me(client: &Client, url: &str) -> (u16, Value) {
    let answer = client.send(client.http().get(format!("{url}{ME}"))).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}
