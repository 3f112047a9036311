//! Removing what nobody will ask for again, a few rows at a time, by one node at a time.

use std::time::Duration;

use countersign_core::Timestamp;

use super::columns::{At, Whole};
use super::database::Db;
use super::fault::Fault;
use super::meta;
use crate::store::SWEPT;

/// For how long others leave the sweep to the node that took it last: a little longer than until its next one.
const LEASE: Duration = Duration::from_secs(90);

pub(super) const SESSIONS: &str = "DELETE FROM sessions WHERE (user_id, session_id) IN (SELECT user_id, session_id \
     FROM sessions WHERE coalesce(ended_at, created_at + absolute_ms) < $1 LIMIT $2)";

// Ids and times grow together, so the oldest rows are those of the smallest ids.
pub(super) const EVENTS: &str = "DELETE FROM events WHERE (user_id, id) IN (SELECT user_id, id FROM \
     (SELECT user_id, id, at FROM events ORDER BY id LIMIT $2) oldest WHERE at < $1)";

pub(super) const DENYLIST: &str = "DELETE FROM denylist WHERE seq IN (SELECT seq FROM denylist \
     WHERE not_after < $1 ORDER BY not_after LIMIT $2)";

// An allowance that is whole again is the same as one that was never touched.
pub(super) const ATTEMPTS: &str = "DELETE FROM attempts WHERE subject IN (SELECT subject FROM attempts \
     WHERE free_at < $1 ORDER BY free_at LIMIT $2)";

pub(super) const FINGERPRINTS: &str = "DELETE FROM fingerprints WHERE fingerprint IN (SELECT fingerprint \
     FROM fingerprints WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

/// How many rows were removed; none too if it is another node's work now.
pub(super) async fn sweep(
    db: &Db,
    holder: [u8; 16],
    now: Timestamp,
    keep_ended: Duration,
) -> Result<u64, Fault> {
    if !meta::lease(db, "sweep", holder, now, LEASE).await? {
        return Ok(0);
    }
    let ended = now.minus(keep_ended);
    let mut removed = 0;
    for (sql, before) in [(SESSIONS, ended), (EVENTS, ended), (DENYLIST, now), (ATTEMPTS, now)] {
        removed += db.execute(sql, &[&At(before), &Whole(SWEPT)]).await?;
    }
    // Not counted: the index of sessions that were.
    db.execute(FINGERPRINTS, &[&At(ended), &Whole(SWEPT)]).await?;
    Ok(removed)
}
