//! Connections that statements share: each is sent at once, behind those that the server has yet to answer.
//!
//! ```text
//! statement ──► the place with the fewest under way ──► Connection ──► the server, one after the other
//!                └─ none there: who comes first opens it, the others wait for that
//! ```
//!
//! So the statements of many callers travel together, which saves both sides most of the work of a journey. The price:
//! the server answers in order, and one that hangs holds up those behind it. So a statement here waits for a lock
//! only for a moment (`LOCK_WAIT`), and whoever had no answer in time leaves the connection: nobody begins on it any
//! more, and it ends with the last who waits on it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::database::Db;
use super::fault::Fault;
use super::pool::Connector;

/// Who needs longer takes a connection of the pool.
const LOCK_WAIT: &str = "SET lock_timeout = 50";

pub(super) struct Shared {
    connector: Connector,
    first: Arc<Place>,
    others: Vec<Arc<Place>>,
}

#[derive(Default)]
struct Place {
    db: Mutex<Option<Db>>,
    /// Held by who opens it.
    opening: Arc<tokio::sync::Mutex<()>>,
    under_way: AtomicUsize,
}

impl Shared {
    /// So many connections, at least one; each is opened when it is wanted.
    pub(super) fn new(connector: Connector, connections: usize) -> Self {
        let others = (1..connections).map(|_| Arc::default()).collect();
        Self { connector, first: Arc::default(), others }
    }

    /// A turn where the fewest are under way.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Fault> {
        let place = self
            .others
            .iter()
            .fold(&self.first, |one, other| if other.under_way() < one.under_way() { other } else { one });
        let queued = Queued::new(place);
        let db = match place.open() {
            Some(db) => db,
            None => Box::pin(place.reopen(&self.connector)).await?,
        };
        Ok(Turn { queued, db })
    }
}

impl Place {
    fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    fn db(&self) -> std::sync::MutexGuard<'_, Option<Db>> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if it is there and good.
    fn open(&self) -> Option<Db> {
        self.db().as_ref().filter(|db| !db.is_closed()).cloned()
    }

    /// It is opened for all who wait for it: whoever gives up takes it from nobody.
    async fn reopen(self: &Arc<Self>, connector: &Connector) -> Result<Db, Fault> {
        let opening = Arc::clone(&self.opening).lock_owned().await;
        if let Some(db) = self.open() {
            return Ok(db);
        }
        let (place, connector) = (Arc::clone(self), connector.clone());
        let opened = tokio::spawn(async move {
            let _opening = opening;
            let db = Arc::new(connector.open(LOCK_WAIT).await?);
            *place.db() = Some(Arc::clone(&db));
            Ok(db)
        });
        opened.await.unwrap_or_else(|_| Err(Fault::Unreachable("the server is ending".to_owned())))
    }
}

/// One that is counted where it stands.
struct Queued<'a>(&'a Place);

impl<'a> Queued<'a> {
    fn new(place: &'a Place) -> Self {
        place.under_way.fetch_add(1, Ordering::Relaxed);
        Self(place)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A turn on a connection that others have turns on.
pub(super) struct Turn<'a> {
    queued: Queued<'a>,
    db: Db,
}

impl Turn<'_> {
    pub(super) const fn db(&self) -> &Db {
        &self.db
    }

    /// Sees to it that nobody begins on this connection any more.
    pub(super) fn leave(&self) {
        let mut db = self.queued.0.db();
        if db.as_ref().is_some_and(|db| Arc::ptr_eq(db, &self.db)) {
            *db = None;
        }
    }
}

#[cfg(test)]
mod tests;
