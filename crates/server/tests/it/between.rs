//! What another process does between the moment that a use case has read the database and the moment it acts.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::code::EndReason;
use countersign_core::{Clock, ManualClock, Timestamp};
use countersign_server::app::{App, Caller, Deps, Error, Issued, Login, Presented, Signup};
use countersign_server::random::SeededRandom;
use countersign_server::seal::MasterSecret;
use countersign_server::store::Mode;
use countersign_server::store::sqlite::SqliteStore;
use countersign_server::testing::config;
use rusqlite::Connection;
use tempfile::TempDir;

type Deed = Box<dyn FnOnce() + Send>;

/// A clock that, when it is next asked, lets something happen first. A refresh asks it after its read.
struct Interrupting {
    time: ManualClock,
    deed: Mutex<Option<Deed>>,
}

impl Interrupting {
    fn next(&self, deed: impl FnOnce() + Send + 'static) {
        *self.deed.lock().unwrap() = Some(Box::new(deed));
    }
}

impl Clock for Interrupting {
    fn now(&self) -> Timestamp {
        if let Some(deed) = self.deed.lock().unwrap().take() {
            deed();
        }
        self.time.now()
    }
}

struct Scene {
    app: Arc<App>,
    clock: Arc<Interrupting>,
    folder: TempDir,
    first: Issued,
}

/// A session at depth 2 whose first refresh token nobody should show any more.
async fn moved_on() -> Scene {
    let folder = TempDir::new().unwrap();
    let clock =
        Interrupting { time: ManualClock::new(Timestamp::from_secs(1_800_000_000)), deed: Mutex::new(None) };
    let clock = Arc::new(clock);
    let deps = Deps {
        store: Arc::new(SqliteStore::open(&folder.path().join("countersign.db")).unwrap()),
        clock: Arc::clone(&clock) as Arc<_>,
        random: Arc::new(SeededRandom::new(1)),
        master: MasterSecret::from_slice(&[1; 32]).unwrap(),
    };
    let app = App::start(config().check(4000).unwrap(), deps).await.unwrap();
    let who = Signup {
        email: "ann@example.com".into(),
        username: None,
        password: "correct horse".to_owned().into(),
    };
    let how = Login { mode: Mode::Header, remember: false };
    let caller = Caller { address: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: None, fingerprint: None };
    let first = app.signup(who, how, caller).await.unwrap();
    let scene = Scene { app, clock, folder, first };
    let mut token = scene.first.refresh.clone();
    for _ in 0..3 {
        token = scene.refresh(&token).await.unwrap().refresh;
        scene.clock.time.advance(Duration::from_mins(1));
    }
    scene
}

impl Scene {
    async fn refresh(&self, token: &str) -> Result<Issued, Error> {
        let fingerprint = self.first.fingerprint.as_ref();
        let presented =
            Presented { refresh: token, mode: Mode::Header, fingerprint, claimed_fingerprint: None };
        self.app.refresh(presented).await
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("countersign.db")
    }
}

fn run(path: &Path, sql: &str) -> usize {
    Connection::open(path).unwrap().execute(sql, []).unwrap()
}

#[tokio::test]
async fn a_session_whose_state_moved_is_judged_again_before_it_ends_for_reuse() {
    let scene = moved_on().await;
    let path = scene.path();
    // With this state the token that is shown is the confirmed one, so that it is no reuse.
    scene.clock.next(move || {
        let back = "UPDATE sessions SET depth = 0, slot = created_at, parent_slot = created_at, \
                    confirmed_at = created_at";
        assert_eq!(run(&path, back), 1);
    });
    let answer = scene.refresh(&scene.first.refresh).await;
    assert_eq!(answer.map(|issued| issued.depth).map_err(|error| error.to_string()), Ok(1));
}

#[tokio::test]
async fn who_logs_out_first_is_not_told_of_a_reuse() {
    let scene = moved_on().await;
    let path = scene.path();
    scene.clock.next(move || {
        assert_eq!(run(&path, "UPDATE sessions SET ended_at = created_at, end_reason = 'logout'"), 1);
    });
    let answer = scene.refresh(&scene.first.refresh).await.err();
    assert!(matches!(answer, Some(Error::Ended(Some(EndReason::Logout)))), "{answer:?}");
}

#[tokio::test]
async fn an_old_token_ends_the_session_if_nothing_comes_between() {
    let scene = moved_on().await;
    let answer = scene.refresh(&scene.first.refresh).await.err();
    assert!(matches!(answer, Some(Error::Ended(Some(EndReason::Reuse)))), "{answer:?}");
}
