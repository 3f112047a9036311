use std::sync::Arc;

use countersign_core::SessionId;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Saved, SessionStore};
use crate::Error;

/// The store, one use of it after another.
pub(crate) struct Keeper {
    store: Arc<dyn SessionStore>,
    auth: Arc<str>,
    turn: Arc<Mutex<()>>,
}

/// What became of a session that was to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Another program has ended it or put another one in its place.
    Gone,
    /// It is there, or a newer state of it that another program has saved.
    Saved,
}

impl Keeper {
    pub(crate) fn new(store: Arc<dyn SessionStore>, auth: &str) -> Self {
        Self { store, auth: auth.into(), turn: Arc::default() }
    }

    pub(crate) async fn load(&self) -> Result<Option<Saved>, Error> {
        self.blocking(|| true, read).await.map(Option::flatten)
    }

    /// Puts in a session that was just opened, if it still is `wanted` when its turn has come.
    pub(crate) async fn put(&self, saved: Saved, wanted: impl FnOnce() -> bool) -> Result<(), Error> {
        let put = move |store: &dyn SessionStore, auth: &str| write(store, auth, &saved);
        self.blocking(wanted, put).await.map(|_| ())
    }

    /// Replaces an older state of the same session.
    pub(crate) async fn renew(&self, saved: Saved, wanted: impl FnOnce() -> bool) -> Result<Kept, Error> {
        let renew = move |store: &dyn SessionStore, auth: &str| match read(store, auth)? {
            Some(there) if there.session != saved.session => Ok(Kept::Gone),
            Some(there) if there.leaving && !saved.leaving => Ok(Kept::Gone),
            Some(there) if there.depth > saved.depth && !saved.leaving => Ok(Kept::Saved),
            Some(_) => write(store, auth, &saved).map(|()| Kept::Saved),
            None => Ok(Kept::Gone),
        };
        self.blocking(wanted, renew).await.map(|kept| kept.unwrap_or(Kept::Gone))
    }

    /// Forgets the session, unless another one has taken its place.
    pub(crate) async fn clear(&self, session: SessionId) -> Result<(), Error> {
        let clear = move |store: &dyn SessionStore, auth: &str| match read(store, auth)? {
            Some(there) if there.session == session => store.clear().map_err(Error::store),
            _ => Ok(()),
        };
        self.blocking(|| true, clear).await.map(|_| ())
    }

    /// Uses the store on a thread that may wait. The turn ends when the store is done, also if nobody waits for
    /// it any more.
    async fn blocking<T: Send + 'static>(
        &self,
        wanted: impl FnOnce() -> bool,
        work: impl FnOnce(&dyn SessionStore, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let turn: OwnedMutexGuard<()> = Arc::clone(&self.turn).lock_owned().await;
        if !wanted() {
            return Ok(None);
        }
        let (store, auth) = (Arc::clone(&self.store), Arc::clone(&self.auth));
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&*store, &auth)
        });
        done.await.map_err(|_| Error::Interrupted)?.map(Some)
    }
}

fn read(store: &dyn SessionStore, auth: &str) -> Result<Option<Saved>, Error> {
    let text = store.load().map_err(Error::store)?;
    text.map(|text| Saved::read(&text, auth)).transpose()
}

fn write(store: &dyn SessionStore, auth: &str, saved: &Saved) -> Result<(), Error> {
    store.save(&saved.write(auth)?).map_err(Error::store)
}
