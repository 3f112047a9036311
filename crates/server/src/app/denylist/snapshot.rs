//! The whole deny-list, encoded once for everybody who connects.

use std::sync::Arc;

use bytes::Bytes;
use countersign_core::denylist::Batch;
use countersign_verifier::{DenyList, Verifier};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::{Hub, frame};
use crate::app::Error;

/// Entries in a piece.
const PIECE: usize = 4_096;
/// Snapshots that are on their way at once, so that a thousand who come back together leave room for refreshes.
const UNDER_WAY: usize = 16;
/// A snapshot is taken anew when more entries than this came after it, or than a quarter of its own.
const LONG_TAIL: u64 = 1_024;

pub(super) struct Snapshots {
    latest: Mutex<Option<Arc<Snapshot>>>,
    under_way: Arc<Semaphore>,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { latest: Mutex::default(), under_way: Arc::new(Semaphore::new(UNDER_WAY)) }
    }
}

/// The deny-list as it was at a place of the log, or later: entries may be in both.
pub(super) struct Snapshot {
    pub(super) place: u64,
    pub(super) pieces: Vec<Bytes>,
    entries: u64,
}

impl Snapshots {
    /// Leave to send a snapshot, until it is dropped.
    pub(super) fn leave(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.under_way).try_acquire_owned().ok()
    }

    /// The latest snapshot, if it is new enough, or a new one. Whoever comes meanwhile waits for the same one.
    pub(super) async fn latest(&self, hub: &Hub) -> Result<Arc<Snapshot>, Error> {
        let mut latest = self.latest.lock().await;
        if let Some(snapshot) = &*latest
            && hub
                .read(|state| snapshot.serves(state.log.tail()) && state.log.after(snapshot.place).is_some())
        {
            return Ok(Arc::clone(snapshot));
        }
        // Before the replica is read, so that nothing can fall between the two.
        let place = hub.read(|state| state.log.tail());
        let verifier = hub.verifier.clone();
        let taken = tokio::task::spawn_blocking(move || Snapshot::of(&verifier, place)).await;
        let taken = Arc::new(taken.map_err(|error| Error::Internal(error.to_string()))??);
        *latest = Some(Arc::clone(&taken));
        Ok(taken)
    }

    /// Lets go of a snapshot that nobody may ask for again.
    pub(super) fn forget(&self) {
        if let Ok(mut latest) = self.latest.try_lock() {
            *latest = None;
        }
    }
}

impl Snapshot {
    fn of(verifier: &Verifier, place: u64) -> Result<Self, Error> {
        let denylist: &DenyList = verifier.denylist();
        let (mut pieces, mut entries, mut piece) = (Vec::new(), 0, Batch::default());
        for shard in denylist.batches() {
            if !piece.is_empty() && piece.len() + shard.len() > PIECE {
                pieces.push(frame::snapshot(&std::mem::take(&mut piece))?);
            }
            entries += shard.len() as u64;
            piece.sessions.extend(shard.sessions);
            piece.epochs.extend(shard.epochs);
            piece.keys.extend(shard.keys);
        }
        if !piece.is_empty() {
            pieces.push(frame::snapshot(&piece)?);
        }
        Ok(Self { place, pieces, entries })
    }

    const fn serves(&self, tail: u64) -> bool {
        let long = if self.entries / 4 > LONG_TAIL { self.entries / 4 } else { LONG_TAIL };
        tail - self.place <= long
    }
}
