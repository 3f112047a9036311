//! Two nodes on one database.

use std::sync::Arc;
use std::time::Duration;

use countersign_server::app::Rotation;
use countersign_server::config::Config;
use countersign_server::store::{EventKind, KeyState};
use countersign_server::testing::{Schema, TestServer, config};
use futures_util::future::join_all;
use serde_json::json;
use tempfile::TempDir;

use crate::client::{Client, NAME, PASSWORD, signed_up};
use crate::listener::Listener;

const GRACE: Duration = Duration::from_secs(30);

struct Nodes {
    schema: Schema,
    a: TestServer,
    b: TestServer,
}

/// None where the tests have no server.
async fn nodes(change: impl Fn(&mut Config)) -> Option<Nodes> {
    let schema = Schema::new().await.unwrap()?;
    let node = async |seed| {
        let mut config = config();
        change(&mut config);
        let store = Arc::new(schema.open().await.unwrap());
        TestServer::start_on(config, TempDir::new().unwrap(), store, seed).await.unwrap()
    };
    let (a, b) = (node(1).await, node(2).await);
    Some(Nodes { schema, a, b })
}

impl Nodes {
    fn advance(&self, span: Duration) {
        self.a.clock.advance(span);
        self.b.clock.advance(span);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_refreshes_of_one_token_one_confirms() {
    let Some(nodes) = nodes(|_| ()).await else { return };
    let mut ann = signed_up(&nodes.a, json!({})).await;
    nodes.advance(GRACE * 2);
    ann.refresh().await;
    nodes.advance(GRACE * 2);
    let racing = (0..64).map(|n| {
        let mut tab = ann.clone().at(if n % 2 == 0 { &nodes.a } else { &nodes.b });
        tokio::spawn(async move { tab.refresh().await })
    });
    for answer in join_all(racing.collect::<Vec<_>>()).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.depth(), 2);
    }
    let rows = nodes.schema.rows("SELECT depth FROM sessions").await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn an_end_on_one_is_refused_on_the_other() {
    let Some(nodes) = nodes(|_| ()).await else { return };
    let mut ann = signed_up(&nodes.a, json!({})).await;
    let mut elsewhere = ann.clone().at(&nodes.b);
    assert_eq!(elsewhere.refresh().await.status, 200);
    assert_eq!(ann.post("/auth/logout", json!({})).await.status, 200);
    assert_eq!(elsewhere.refresh().await.body["error"]["code"], "SESSION_ENDED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_once_however_many_try() {
    let Some(nodes) = nodes(|_| ()).await else { return };
    nodes.advance(Duration::from_hours(31 * 24));
    let apps = [&nodes.a.app, &nodes.b.app];
    let trying = (0..16).map(|n| {
        let app = Arc::clone(apps[n % 2]);
        tokio::spawn(async move { app.keep_signing_keys().await })
    });
    for tried in join_all(trying.collect::<Vec<_>>()).await {
        tried.unwrap().unwrap();
    }
    for app in apps {
        app.keep_signing_keys().await.unwrap();
        let states: Vec<_> = app.signing_keys().await.unwrap().into_iter().map(|key| key.state).collect();
        assert_eq!(states, [KeyState::Retiring, KeyState::Active, KeyState::Announced]);
    }
}

#[tokio::test]
async fn attempts_are_counted_together() {
    let limit = |config: &mut Config| config.login_account_limit = "4/1h".parse().unwrap();
    let Some(nodes) = nodes(limit).await else { return };
    signed_up(&nodes.a, json!({})).await;
    let mut statuses = Vec::new();
    for n in 0..6 {
        let mut guess = Client::new(if n % 2 == 0 { &nodes.a } else { &nodes.b });
        let answer =
            guess.post("/auth/login", json!({ "username": NAME, "password": "a wrong guess" })).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 429, 429]);
}

#[tokio::test]
async fn an_end_on_one_reaches_the_stream_of_the_other() {
    let Some(nodes) = nodes(|_| ()).await else { return };
    let mut ann = signed_up(&nodes.a, json!({})).await;
    let session = ann.refresh().await.session_id();
    let (mut listener, begin) = Listener::of(&nodes.b).await;
    assert!(begin.iter().all(|event| event.name != "snapshot"), "{begin:?}");
    assert_eq!(ann.post("/auth/logout", json!({})).await.status, 200);
    let told = listener.until("entries").await;
    let sessions: Vec<_> =
        told.last().unwrap().batch().sessions.iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!(sessions, [session]);
}

#[tokio::test]
async fn a_rotation_on_one_is_told_by_the_other() {
    let Some(nodes) = nodes(|_| ()).await else { return };
    let (mut listener, _) = Listener::of(&nodes.b).await;
    assert_eq!(nodes.a.app.rotate_signing_keys(true).await.unwrap(), Rotation::Done);
    listener.until("keys").await;
    assert_eq!(nodes.b.app.jwks(), nodes.a.app.jwks());
}

/// Writes an event of a login in a transaction that goes on, and answers its id.
const SLOW: &str =
    "INSERT INTO events (user_id, at, kind) SELECT id, 1800000000000, 'login' FROM users RETURNING id";

#[tokio::test]
async fn an_event_whose_transaction_was_slower_than_the_next_is_told_too() {
    let Some(nodes) = nodes(|_| ()).await else { return };
    let mut ann = signed_up(&nodes.a, json!({})).await;
    let (before, after) = (nodes.schema.client().await.unwrap(), nodes.schema.client().await.unwrap());
    let begin = async |client: &tokio_postgres::Client| {
        client.batch_execute("BEGIN").await.unwrap();
        u64::try_from(client.query_one(SLOW, &[]).await.unwrap().get::<_, i64>(0)).unwrap()
    };
    let first = begin(&before).await;
    Client::new(&nodes.a).post("/auth/login", json!({ "username": NAME, "password": PASSWORD })).await;

    let (newest, mut events) = nodes.b.app.watch().await.unwrap();
    assert!(newest > first);
    let second = begin(&after).await;
    assert_eq!(ann.post("/auth/logout", json!({})).await.status, 200);
    let logout = events.recv().await.unwrap();
    assert_eq!((logout.what.kind, logout.id > second), (EventKind::Logout, true));

    for (client, id) in [(after, second), (before, first)] {
        client.batch_execute("COMMIT").await.unwrap();
        assert_eq!(events.recv().await.unwrap().id, id);
    }
    let (newest, _events) = nodes.b.app.watch().await.unwrap();
    assert_eq!(newest, logout.id);
    assert!(events.try_recv().is_err(), "each is told once");
}
