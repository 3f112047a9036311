//! Reads: on the caller's own thread, in one of a few read-only connections.
//!
//! A point read takes about four microseconds, less than waking a thread and being woken by it. Measured on
//! two cores against two reader threads with a shared queue: one caller 236,000 reads a second against 19,000,
//! 64 callers 244,000 against 141,000, refreshes of 16 callers 55,000 against 42,000.
//!
//! A read never waits for the writer, and there is a connection for each core: a caller that finds all of them
//! taken is a thread that the machine could not have run anyway.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

use rusqlite::Connection;

use super::connection;
use crate::store::StoreError;

pub(super) struct Readers {
    first: Mutex<Connection>,
    others: Vec<Mutex<Connection>>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let open = || connection::open_reader(path).map(Mutex::new);
        Ok(Self { first: open()?, others: (1..cores).map(|_| open()).collect::<Result<_, _>>()? })
    }

    /// Runs a query on a snapshot of everything that was committed before.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        Ok(query(&self.free())?)
    }

    fn free(&self) -> MutexGuard<'_, Connection> {
        let mut all = std::iter::once(&self.first).chain(&self.others);
        // A query that panicked has left a connection that is as good as before.
        all.find_map(|reader| match reader.try_lock() {
            Ok(reader) => Some(reader),
            Err(TryLockError::Poisoned(reader)) => Some(reader.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
        .unwrap_or_else(|| self.first.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
