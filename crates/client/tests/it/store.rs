use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_client::{Client, Config, Error, Mode, SessionStore, SignedOut, StoreError, UnencryptedFile};
use countersign_core::Action;
use zeroize::Zeroizing;

use crate::relay::{Fault, Relay};
use crate::scene::{LIFE, LOGOUT, NAME, REFRESH, Scene, me};

/// A store that programs share, and that can be full.
#[derive(Clone, Default)]
struct Memory {
    text: Arc<Mutex<Option<String>>>,
    full: Arc<AtomicBool>,
}

impl Memory {
    fn text(&self) -> Option<String> {
        self.text.lock().unwrap().clone()
    }
}

impl SessionStore for Memory {
    fn load(&self) -> Result<Option<Zeroizing<String>>, StoreError> {
        Ok(self.text().map(Zeroizing::new))
    }

    fn save(&self, text: &str) -> Result<(), StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err("full".into());
        }
        *self.text.lock().unwrap() = Some(text.to_owned());
        Ok(())
    }

    fn clear(&self) -> Result<(), StoreError> {
        *self.text.lock().unwrap() = None;
        Ok(())
    }
}

async fn stored(mode: Mode) -> (Scene, Memory) {
    let store = Memory::default();
    let scene = Scene::with_store(store.clone()).await;
    scene.login(mode).await;
    (scene, store)
}

#[tokio::test]
async fn a_session_outlives_the_program() {
    for mode in [Mode::Cookie, Mode::Header] {
        let (scene, store) = stored(mode).await;
        for _ in 0..4 {
            scene.wait(Duration::from_mins(5));
            let next = scene.other(store.clone());
            assert_eq!(next.resume().await.unwrap(), scene.client.who());
            assert_eq!(me(&next, &scene.relay.url).await.0, 200);
        }
        assert_eq!(scene.events(), ["login"]);
    }
}

#[tokio::test]
async fn an_empty_store_is_no_session_and_asks_nobody() {
    let scene = Scene::with_store(Memory::default()).await;
    assert_eq!(scene.client.resume().await.unwrap(), None);
    assert_eq!((scene.refreshes(), scene.signed_out()), (0, Some(SignedOut::Never)));
}

#[tokio::test]
async fn a_crash_before_the_answer_was_saved_is_healed() {
    let (scene, store) = stored(Mode::Cookie).await;
    for _ in 0..3 {
        let before = store.text();
        scene.wait(LIFE);
        scene.client.token().await.unwrap();
        *store.text.lock().unwrap() = before;
        let next = scene.other(store.clone());
        next.resume().await.unwrap();
    }
    assert_eq!(scene.events(), ["login"]);
}

#[tokio::test]
async fn a_store_that_fails_for_hours_ends_no_session() {
    let (scene, store) = stored(Mode::Cookie).await;
    scene.wait(LIFE);
    scene.client.token().await.unwrap();
    store.full.store(true, Ordering::SeqCst);
    for _ in 0..6 {
        scene.wait(LIFE);
        assert_eq!(scene.me().await.0, 200);
        assert!(scene.degraded());
    }
    let next = scene.other(store.clone());
    next.resume().await.unwrap();
    store.full.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        scene.wait(LIFE);
        assert_eq!(scene.me().await.0, 200);
        assert!(!scene.degraded());
    }
    assert_eq!(scene.events(), ["login"]);
}

#[tokio::test]
async fn programs_that_share_a_store_share_the_session() {
    let (scene, store) = stored(Mode::Cookie).await;
    let other = scene.other(store);
    other.resume().await.unwrap();
    for _ in 0..6 {
        scene.wait(LIFE);
        assert_eq!(scene.me().await.0, 200);
        // The first has been renewed long ago when the second wants it.
        scene.wait(Duration::from_mins(2));
        assert_eq!(me(&other, &scene.relay.url).await.0, 200);
    }
    assert_eq!(scene.events(), ["login"]);
}

#[tokio::test]
async fn a_logout_of_one_program_is_one_of_all() {
    let (scene, store) = stored(Mode::Cookie).await;
    let other = scene.other(store.clone());
    other.resume().await.unwrap();
    other.logout().await.unwrap();
    assert_eq!(store.text(), None);
    scene.wait(LIFE);
    let asked = scene.refreshes();
    let error = scene.client.token().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::SignedOut(SignedOut::Elsewhere)), "{error}");
    assert_eq!(scene.refreshes(), asked, "nobody is asked");
}

#[tokio::test]
async fn a_program_that_has_not_resumed_can_log_out() {
    let (scene, store) = stored(Mode::Header).await;
    scene.other(store.clone()).logout().await.unwrap();
    assert_eq!((store.text(), scene.events()), (None, vec!["login".to_owned(), "logout".to_owned()]));
}

#[tokio::test]
async fn a_logout_without_network_is_finished_by_the_next_run() {
    let (scene, store) = stored(Mode::Cookie).await;
    let away = || Fault::Answer(503, &[("retry-after", "60")], String::new());
    scene.relay.next(LOGOUT, [away(), away()]);
    assert_eq!(scene.client.logout().await.unwrap_err().action(), Action::Retry);
    let next = scene.other(store.clone());
    assert_eq!(next.resume().await.unwrap_err().action(), Action::Retry);
    assert!(next.who().is_none());
    let last = scene.other(store.clone());
    assert_eq!(last.resume().await.unwrap(), None);
    assert_eq!((store.text(), scene.refreshes()), (None, 0));
    assert_eq!(scene.events(), ["login", "logout"]);
}

#[tokio::test]
async fn a_session_that_ended_leaves_the_store() {
    let (scene, store) = stored(Mode::Cookie).await;
    scene.wait(Duration::from_hours(1));
    let next = scene.other(store.clone());
    assert_eq!(next.resume().await.unwrap_err().action(), Action::Login);
    assert_eq!(store.text(), None);
}

#[tokio::test]
async fn without_network_a_session_is_resumed_later() {
    let (scene, store) = stored(Mode::Cookie).await;
    scene.relay.next(REFRESH, [Fault::Answer(503, &[("retry-after", "60")], String::new())]);
    let next = scene.other(store);
    assert_eq!(next.resume().await.unwrap_err().action(), Action::Retry);
    assert_eq!(next.who().unwrap().user.username.as_deref(), Some(NAME));
    scene.wait(Duration::from_secs(61));
    assert_eq!(me(&next, &scene.relay.url).await.0, 200);
}

#[tokio::test]
async fn a_login_that_cannot_be_saved_is_told() {
    let store = Memory::default();
    let scene = Scene::with_store(store.clone()).await;
    store.full.store(true, Ordering::SeqCst);
    let login = countersign_client::Login::new(NAME, crate::scene::PASSWORD.to_owned());
    assert!(matches!(scene.client.login(login).await, Err(Error::Store(_))));
    for _ in 0..3 {
        assert_eq!(scene.me().await.0, 200);
        scene.wait(LIFE);
    }
}

#[tokio::test]
async fn what_is_no_session_of_this_server_is_shown_to_nobody() {
    let (scene, store) = stored(Mode::Cookie).await;
    let other = Relay::start(&scene.server.url).await;
    let client = Client::new(Config::new(&other.url).store(store.clone())).unwrap();
    assert!(matches!(client.resume().await, Err(Error::Store(_))));
    assert!(other.seen(REFRESH).is_empty());
    let text = store.text().unwrap();
    for broken in ["", "{}", &text[..text.len() - 9], &text.replace("cs_rt_", "cs rt ")] {
        *store.text.lock().unwrap() = Some(broken.to_owned());
        let error = scene.other(store.clone()).resume().await.unwrap_err();
        assert!(matches!(error, Error::Store(_)));
        assert!(!format!("{error} {error:?}").contains("rt_"), "a fault quotes no secret");
    }
}

#[tokio::test]
async fn a_file_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    let scene = Scene::with_store(UnencryptedFile::at(&path)).await;
    scene.login(Mode::Cookie).await;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    scene.other(UnencryptedFile::at(&path)).resume().await.unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = scene.other(UnencryptedFile::at(&path)).resume().await.unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    scene.client.logout().await.unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_logout_everywhere_empties_the_store_and_a_fork_is_not_in_it() {
    let (scene, store) = stored(Mode::Header).await;
    let before = store.text();
    let fork = scene.client.fork().await.unwrap();
    assert_eq!(me(&fork, &scene.relay.url).await.0, 200);
    assert_eq!(store.text(), before);
    scene.client.logout_everywhere().await.unwrap();
    assert_eq!(store.text(), None);
    assert_eq!(scene.client.resume().await.unwrap(), None);
}
