//! Removing what nobody will ask for again, a few rows at a time so that the writer stays free.

use std::time::Duration;

use countersign_core::Timestamp;
use rusqlite::Connection;

use super::columns::{At, Whole};
use crate::store::SWEPT;

pub(super) const SESSIONS: &str = "DELETE FROM sessions WHERE (user_id, session_id) IN (SELECT user_id, session_id \
     FROM sessions WHERE coalesce(ended_at, created_at + absolute_ms) < ? LIMIT ?)";

// Ids and times grow together, so the oldest rows are at the head of the table and need no index.
pub(super) const EVENTS: &str = "DELETE FROM events WHERE id IN (SELECT id FROM (SELECT id, at FROM events \
     ORDER BY id LIMIT ?2) WHERE at < ?1)";

pub(super) const DENYLIST: &str = "DELETE FROM denylist WHERE seq IN (SELECT seq FROM (SELECT seq, not_after FROM denylist \
     ORDER BY seq LIMIT ?2) WHERE not_after < ?1)";

// An allowance that is whole again is the same as one that was never touched.
pub(super) const ATTEMPTS: &str = "DELETE FROM attempts WHERE subject IN (SELECT subject FROM attempts \
     WHERE free_at < ? LIMIT ?)";

/// How many rows were removed; fewer than [`SWEPT`] means that nothing is left to remove.
pub(super) fn sweep(db: &Connection, now: Timestamp, keep_ended: Duration) -> rusqlite::Result<u64> {
    let ended = now.minus(keep_ended);
    let mut removed = 0;
    for (sql, before) in [(SESSIONS, ended), (EVENTS, ended), (DENYLIST, now), (ATTEMPTS, now)] {
        removed += db.prepare_cached(sql)?.execute((At(before), Whole(SWEPT)))? as u64;
    }
    Ok(removed)
}
