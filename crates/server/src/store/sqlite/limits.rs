//! Attempt counters: the generic cell rate algorithm (ITU-T I.371), one number for each subject.

use std::time::Duration;

use countersign_core::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::store::Allowance;

/// Takes one attempt; `Some` is how long to wait for the next that is allowed.
pub(super) fn attempt(
    db: &Connection,
    subject: &[u8; 32],
    allowance: Allowance,
    now: Timestamp,
) -> rusqlite::Result<Option<Duration>> {
    let due: Option<u64> = db
        .prepare_cached("SELECT due_at FROM attempts WHERE subject = ?1")?
        .query_row([subject], |row| row.get(0))
        .optional()?;
    let due = due.map_or(now, Timestamp::from_millis).max(now);
    let next = due.plus(allowance.interval);
    let ahead = next.since(now);
    let most = allowance.interval * allowance.burst;
    if ahead > most {
        return Ok(Some(ahead.saturating_sub(most)));
    }
    db.prepare_cached(
        "INSERT INTO attempts (subject, due_at) VALUES (?1, ?2) ON CONFLICT (subject) DO UPDATE SET due_at = ?2",
    )?
    .execute((subject, next.as_millis()))?;
    Ok(None)
}

/// A counter whose time has passed says nothing any more.
pub(super) fn sweep(db: &Connection, now: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM attempts WHERE subject IN (SELECT subject FROM attempts WHERE due_at < ?1 LIMIT ?2)",
    )?
    .execute((now.as_millis(), limit))
}
