//! Streams whose time is ours: what happens to a listener that does not read, and to whom comes with many.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{ManualClock, Timestamp};
use countersign_server::app::{App, Deps, Error, Scope};
use countersign_server::random::SeededRandom;
use countersign_server::seal::MasterSecret;
use countersign_server::store::sqlite::SqliteStore;
use countersign_server::testing::config;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::listener::Event;

struct Scene {
    app: Arc<App>,
    key: String,
    folder: TempDir,
    _following: JoinSet<()>,
}

type Stream = Receiver<bytes::Bytes>;

impl Scene {
    /// A server whose deny-list has so many entries.
    async fn with(entries: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let deps = Deps {
            store: Arc::new(SqliteStore::open(&folder.path().join("countersign.db")).unwrap()),
            clock: Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000))),
            random: Arc::new(SeededRandom::new(1)),
            master: MasterSecret::from_slice(&[1; 32]).unwrap(),
        };
        let app = App::start(config().check(4000).unwrap(), deps).await.unwrap();
        let (_, key) = app.add_service_key("verifier".into(), &[Scope::Revocations]).await.unwrap();
        let scene = Self { app, key: key.to_string(), folder, _following: JoinSet::new() };
        scene.deny(entries);
        let mut following = JoinSet::new();
        let app = Arc::clone(&scene.app);
        following.spawn(async move { app.follow_denylist().await });
        while scene.app.denylist_read().await.is_err() {}
        Self { _following: following, ..scene }
    }

    /// Writes as another process does, and without a moment in which time could pass.
    fn run(&self, sql: &str) {
        let db = Connection::open(self.folder.path().join("countersign.db")).unwrap();
        db.execute_batch(sql).unwrap();
    }

    fn deny(&self, entries: u64) {
        self.run(&format!(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {entries}) \
             INSERT INTO denylist (kind, id, not_after) SELECT 'session', randomblob(16), 1800003668000 FROM n \
             WHERE {entries} > 0"
        ));
    }

    async fn open(&self, last_event_id: Option<&str>) -> Result<Stream, Error> {
        self.app.revocations(Some(&self.key), last_event_id, std::future::pending()).await
    }
}

async fn next(stream: &mut Stream) -> Option<Event> {
    let bytes = stream.recv().await?;
    Some(Event::parse(std::str::from_utf8(&bytes).unwrap().strip_suffix("\n\n").unwrap()))
}

fn entries(event: &Event) -> usize {
    if ["snapshot", "entries"].contains(&event.name.as_str()) { event.batch().len() } else { 0 }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_comes_each_second_until_the_service_key_is_revoked() {
    let scene = Scene::with(0).await;
    let mut stream = scene.open(None).await.unwrap();
    let mut events = 0;
    let minute = async {
        while next(&mut stream).await.is_some() {
            events += 1;
        }
    };
    assert!(timeout(Duration::from_mins(1), minute).await.is_err(), "the key is good");
    assert!((60..=62).contains(&events), "{events}: the keys, and then a heartbeat each second");
    scene.run("UPDATE service_keys SET revoked_at = 1");
    let mut more = 0;
    while next(&mut stream).await.is_some() {
        more += 1;
    }
    assert!(more <= 31, "{more} seconds after the key was revoked");
    assert!(scene.open(None).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_does_not_read_is_cut_off_and_nothing_piles_up() {
    let scene = Scene::with(0).await;
    let mut stream = scene.open(None).await.unwrap();
    sleep(Duration::from_mins(1)).await;
    let mut waiting = 0;
    while next(&mut stream).await.is_some() {
        waiting += 1;
    }
    assert!(waiting <= 5, "{waiting}");
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_further_than_the_log_reaches_begins_again() {
    let scene = Scene::with(0).await;
    let mut stream = scene.open(None).await.unwrap();
    let first = loop {
        let event = next(&mut stream).await.unwrap();
        if event.name == "heartbeat" {
            break event.id.unwrap();
        }
    };
    drop(stream);
    scene.deny(200_000);
    let mut stream = scene.open(None).await.unwrap();
    let mut seen = 0;
    while seen < 200_000 {
        let event = next(&mut stream).await.unwrap();
        seen += entries(&event);
    }
    let mut stream = scene.open(Some(&first)).await.unwrap();
    assert_eq!(next(&mut stream).await.unwrap().name, "keys");
    assert_eq!(next(&mut stream).await.unwrap().name, "snapshot");
}

#[tokio::test(start_paused = true)]
async fn of_many_who_want_a_snapshot_at_once_some_are_told_to_come_later() {
    let scene = Scene::with(50_000).await;
    // More pieces than wait for a listener, so that each is under way until it is read.
    let mut streams = Vec::new();
    let wait = loop {
        match scene.open(None).await {
            Ok(stream) => streams.push(stream),
            Err(Error::Busy(wait)) => break wait,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(streams.len(), 16);
    assert!((1..=10).contains(&wait.as_secs()));

    // Each of those that began gets everything, and makes room.
    for mut stream in streams {
        let (mut seen, mut last) = (0, None);
        while last.is_none() {
            let event = next(&mut stream).await.unwrap();
            seen += entries(&event);
            if event.name == "heartbeat" {
                last = event.id;
            }
        }
        assert_eq!(seen, 50_000);
        // Who goes on where it was needs no snapshot, however many do.
        assert!(scene.open(last.as_deref()).await.is_ok());
    }
    assert!(scene.open(None).await.is_ok());
}
