//! The journal's file: torn, cut, rotated, and gone.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use countersign_core::{ServiceKeyId, UserId};
use tempfile::TempDir;

use super::*;
use crate::random::SeededRandom;
use crate::seal::MasterSecret;
use crate::store::{Created, EventKind, NewEvent, ServiceKey, ServiceKeyHash, Store, User, UserChange};

const DAY: Duration = Duration::from_hours(24);
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

struct Kept {
    folder: TempDir,
    seeds: std::cell::Cell<u64>,
}

impl Kept {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), seeds: 1.into() }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("countersign.db")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn journal(&self) -> Journal {
        self.seeds.set(self.seeds.get() + 1);
        Journal {
            path: self.file(),
            seal: MasterSecret::from_slice(&[7; 32]).unwrap().journal_seal().unwrap(),
            random: Arc::new(SeededRandom::new(self.seeds.get())),
            now: NOW,
            keep: DAY,
        }
    }

    fn open(&self) -> Result<SqliteStore, OpenError> {
        SqliteStore::open_journaled(&self.database(), self.journal())
    }

    fn lines(&self) -> usize {
        fs::read_to_string(self.file()).unwrap().lines().count() - 1
    }
}

fn user() -> UserId {
    UserId::from_bytes([1; 16])
}

fn event() -> NewEvent {
    NewEvent { at: NOW, kind: EventKind::Signup, user: user(), session: None, detail: None }
}

async fn sign_up(store: &SqliteStore) {
    let ann = User {
        id: user(),
        email: "ann@example.com".into(),
        username: None,
        password: String::new(),
        roles: vec!["user".into()],
        default_role: "user".into(),
        claims: BTreeMap::new(),
        claims_epoch: 0,
        disabled: false,
        created_at: NOW,
    };
    assert_eq!(store.create_user(&ann, &[], event()).await.unwrap(), Created::Done);
}

async fn set_password(store: &SqliteStore, password: &str) -> Result<(), StoreError> {
    let change = UserChange::Password(password.into());
    store.change_user(user(), change, event(), NOW.plus(DAY)).await.map(drop)
}

async fn password(store: &SqliteStore) -> String {
    store.user(user()).await.unwrap().unwrap().password
}

/// Puts the database back to what it was when `early` was copied from it.
fn put_back(kept: &Kept, early: &Path) {
    fs::copy(early, kept.database()).unwrap();
}

#[tokio::test]
async fn what_was_changed_after_a_copy_is_changed_again_in_its_order() {
    let kept = Kept::new();
    let early = kept.folder.path().join("early.db");
    let store = kept.open().unwrap();
    sign_up(&store).await;
    let key = ServiceKey {
        id: ServiceKeyId::from_bytes([2; 16]),
        name: "web".into(),
        scopes: vec!["ssr".into()],
        created_at: NOW,
    };
    store.create_service_key(&key, &ServiceKeyHash([3; 32])).await.unwrap();
    assert_eq!(kept.lines(), 0, "nothing has ended yet");
    copy(&kept.database(), &early).unwrap();
    // Together, so that some of them share a line.
    let (one, two) = tokio::join!(set_password(&store, "one"), set_password(&store, "two"));
    one.and(two).unwrap();
    store.revoke_service_key(key.id, NOW).await.unwrap();
    let roles = UserChange::Roles(vec!["editor".into()], "editor".into());
    store.change_user(user(), roles, event(), NOW).await.unwrap();
    let after = store.user(user()).await.unwrap().unwrap();
    let denied = store.denied_after(0, 100).await.unwrap();
    assert_eq!(after.claims_epoch, 3);
    drop(store);

    for _ in 0..2 {
        put_back(&kept, &early);
        let store = kept.open().unwrap();
        assert_eq!(store.user(user()).await.unwrap().unwrap(), after);
        assert!(store.service_key(&ServiceKeyHash([3; 32])).await.unwrap().is_none());
        assert_eq!(store.denied_after(0, 100).await.unwrap(), denied);
    }
}

#[tokio::test]
async fn a_line_that_was_torn_is_none_and_the_next_is_whole() {
    let kept = Kept::new();
    let early = kept.folder.path().join("early.db");
    let store = kept.open().unwrap();
    sign_up(&store).await;
    copy(&kept.database(), &early).unwrap();
    set_password(&store, "one").await.unwrap();
    drop(store);
    let whole = fs::read(kept.file()).unwrap();
    let torn = [
        whole.clone(),
        [&whole[..], b"2"].concat(),
        [&whole[..], b"2 c29tZXRoaW5n"].concat(),
        [&whole[..], b"2 c29tZXRoaW5n\n"].concat(),
        [&whole[..], &[0; 5000]].concat(),
    ];
    for file in torn {
        fs::write(kept.file(), &file).unwrap();
        put_back(&kept, &early);
        let store = kept.open().unwrap();
        assert_eq!(password(&store).await, "one");
        set_password(&store, "two").await.unwrap();
        // Torn while another process has it open, which then goes on.
        let mut file = fs::OpenOptions::new().append(true).open(kept.file()).unwrap();
        std::io::Write::write_all(&mut file, b"3 half").unwrap();
        set_password(&store, "three").await.unwrap();
        drop(store);
        put_back(&kept, &early);
        assert_eq!(password(&kept.open().unwrap()).await, "three");
        assert_eq!(kept.lines(), 3);
    }
}

#[tokio::test]
async fn without_its_journal_nothing_ends_and_the_rest_goes_on() {
    let kept = Kept::new();
    let store = kept.open().unwrap();
    sign_up(&store).await;
    let aside = kept.folder.path().join("aside");
    fs::rename(kept.file(), &aside).unwrap();
    let refused = set_password(&store, "one").await.unwrap_err();
    assert!(refused.0.starts_with("the journal: "), "{refused}");
    assert_eq!(password(&store).await, "");
    store.record(event()).await.unwrap();
    fs::rename(&aside, kept.file()).unwrap();
    set_password(&store, "one").await.unwrap();
    assert_eq!((password(&store).await.as_str(), kept.lines()), ("one", 1));
    drop(store);

    let refused = SqliteStore::open(&kept.database()).err().unwrap();
    assert!(matches!(refused, OpenError::Journal(_, JournalError::Wanted)), "{refused:?}");
    fs::remove_file(kept.file()).unwrap();
    let refused = kept.open().err().unwrap();
    assert!(matches!(refused, OpenError::Journal(_, JournalError::Io(_))), "{refused:?}");
    forget_journal(&kept.database()).unwrap();
    assert_eq!(password(&SqliteStore::open(&kept.database()).unwrap()).await, "one");
}

#[tokio::test]
async fn lines_are_kept_as_long_as_a_copy_can_need_them() {
    let kept = Kept::new();
    let copies: Vec<_> = (0..4).map(|n| kept.folder.path().join(format!("{n}.db"))).collect();
    let store = kept.open().unwrap();
    sign_up(&store).await;
    for (n, file) in copies.iter().enumerate() {
        copy(&kept.database(), file).unwrap();
        set_password(&store, &n.to_string()).await.unwrap();
        let now = NOW.plus(DAY * u32::try_from(n).unwrap());
        store.sweep(now, DAY).await.unwrap();
    }
    // Each day but the first began a file, and two are left: yesterday's, with the fourth line, and an empty one.
    drop(store);
    for (n, early) in copies.iter().enumerate() {
        put_back(&kept, early);
        match kept.open() {
            Ok(store) => assert_eq!((n == 3, password(&store).await.as_str()), (true, "3"), "copy {n}"),
            Err(OpenError::Journal(_, JournalError::Lacks { first: 4, last: 4, seen })) => {
                assert_eq!((seen, n < 3), (n as u64, true));
            }
            Err(error) => panic!("copy {n}: {error:?}"),
        }
    }
}
