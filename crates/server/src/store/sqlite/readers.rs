//! Readers beside the writer: each sees the last commit.
//!
//! A point read of a page in memory takes about ten microseconds, less than handing it to another thread and
//! back, so reads are made where they are asked for, on whichever connection is free.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::store::StoreError;

const CONNECTIONS: usize = 4;

pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connections = (0..CONNECTIONS)
            .map(|_| super::connect_for_reading(path).map(Mutex::new))
            .collect::<Result<_, _>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let free = self.connections.iter().cycle().skip(turn % CONNECTIONS).take(CONNECTIONS);
        if let Some(connection) = free.clone().find_map(|connection| connection.try_lock().ok()) {
            return Ok(query(&connection)?);
        }
        let mut queue = free;
        let connection = queue.next().ok_or_else(|| StoreError("no reader is open".into()))?;
        Ok(query(&connection.lock().unwrap_or_else(PoisonError::into_inner))?)
    }
}
