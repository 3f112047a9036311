//! Who is to be woken when a session ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::denylist::Batch;
use countersign_core::token::Claims;
use tokio::sync::Notify;

type Id = [u8; 16];

/// Live connections by the ids of their sessions and users; each has a number of its own.
#[derive(Default)]
pub(crate) struct Live {
    connections: Mutex<BTreeMap<(Id, u64), Arc<Notify>>>,
    next: AtomicU64,
}

/// A place among the live connections.
pub(crate) struct Place {
    ids: [Id; 2],
    number: u64,
    woken: Arc<Notify>,
}

impl Place {
    pub(crate) fn woken(&self) -> &Notify {
        &self.woken
    }
}

impl Live {
    pub(crate) fn enter(&self, claims: &Claims) -> Place {
        let ids = [*claims.sid.as_bytes(), *claims.sub.as_bytes()];
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let woken = Arc::new(Notify::new());
        self.connections().extend(ids.map(|id| ((id, number), Arc::clone(&woken))));
        Place { ids, number, woken }
    }

    pub(crate) fn leave(&self, place: &Place) {
        let mut connections = self.connections();
        for id in place.ids {
            connections.remove(&(id, place.number));
        }
    }

    /// Wakes those whom one of the entries may concern; they look for themselves.
    pub(crate) fn wake(&self, batch: &Batch) {
        if !batch.keys.is_empty() {
            return self.wake_all();
        }
        let sessions = batch.sessions.iter().map(|(id, _)| *id.as_bytes());
        let ids = sessions.chain(batch.epochs.iter().map(|(id, ..)| *id.as_bytes()));
        let woken: Vec<_> = {
            let connections = self.connections();
            if connections.is_empty() {
                return;
            }
            ids.flat_map(|id| connections.range((id, 0)..=(id, u64::MAX)))
                .map(|(_, woken)| Arc::clone(woken))
                .collect()
        };
        // The lock is not held while they wake up.
        for woken in woken {
            woken.notify_waiters();
        }
    }

    /// Wakes everybody: when all of them may be over.
    pub(crate) fn wake_all(&self) {
        let woken: Vec<_> = self.connections().values().cloned().collect();
        for woken in woken {
            woken.notify_waiters();
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        // Each is there by its session and by its user.
        self.connections().len() / 2
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<(Id, u64), Arc<Notify>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
