//! The limiter: the generic cell rate algorithm, one number for each subject.

use std::time::Duration;

use countersign_core::Timestamp;
use rusqlite::{Connection, named_params};

use super::columns::{At, Span};
use crate::store::Allowance;

/// `None` if the attempt is allowed and taken, else how long to wait.
pub(super) fn take(
    db: &Connection,
    subject: &[u8; 32],
    allowance: Allowance,
    now: Timestamp,
) -> rusqlite::Result<Option<Duration>> {
    // Each attempt moves `free_at` on by one interval, and it may be ahead of now by a whole burst.
    let horizon = now.plus(allowance.interval.saturating_mul(allowance.burst));
    let taken = db
        .prepare_cached(
            "INSERT INTO attempts (subject, free_at) VALUES (:subject, :now + :interval) \
             ON CONFLICT (subject) DO UPDATE SET free_at = max(free_at, :now) + :interval \
             WHERE max(free_at, :now) + :interval <= :horizon",
        )?
        .execute(named_params! {
            ":subject": subject,
            ":now": At(now),
            ":interval": Span(allowance.interval),
            ":horizon": At(horizon),
        })?;
    if taken == 1 {
        return Ok(None);
    }
    let At(free_at) = db
        .prepare_cached("SELECT free_at FROM attempts WHERE subject = ?")?
        .query_row([subject], |row| row.get(0))?;
    Ok(Some(free_at.max(now).plus(allowance.interval).since(horizon)))
}
