//! The limiter: the generic cell rate algorithm, one number for each subject.

use std::time::Duration;

use countersign_core::Timestamp;

use super::columns::{At, Bytes, Columns, Span};
use super::database::Db;
use super::fault::Fault;
use crate::store::Allowance;

pub(super) const TAKE: &str = "INSERT INTO attempts (subject, free_at) VALUES ($1, $2::bigint + $3::bigint) \
     ON CONFLICT (subject) DO UPDATE SET free_at = greatest(attempts.free_at, $2) + $3 \
     WHERE greatest(attempts.free_at, $2) + $3 <= $4";

pub(super) const FREE_AT: &str = "SELECT free_at FROM attempts WHERE subject = $1";

/// Each attempt moves `free_at` on by one interval, and it may be ahead of now by a whole burst.
fn horizon(allowance: Allowance, now: Timestamp) -> Timestamp {
    now.plus(allowance.interval.saturating_mul(allowance.burst))
}

/// False if the attempt is refused.
pub(super) async fn take(
    db: &Db,
    subject: [u8; 32],
    allowance: Allowance,
    now: Timestamp,
) -> Result<bool, Fault> {
    let (interval, horizon) = (Span(allowance.interval), At(horizon(allowance, now)));
    Ok(db.execute(TAKE, &[&Bytes(subject), &At(now), &interval, &horizon]).await? == 1)
}

/// How long a refused attempt has to wait.
pub(super) async fn wait(
    db: &Db,
    subject: [u8; 32],
    allowance: Allowance,
    now: Timestamp,
) -> Result<Duration, Fault> {
    let row = db.row(FREE_AT, &[&Bytes(subject)]).await?;
    // Whoever swept it away in between has left a whole allowance.
    let free_at = row.map_or(Ok(now), |row| Columns::of(&row).take::<At>().map(|at| at.0))?;
    Ok(free_at.max(now).plus(allowance.interval).since(horizon(allowance, now)))
}
