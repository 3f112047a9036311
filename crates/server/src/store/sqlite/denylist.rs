//! The outbox of the deny-list stream. An entry is written in the transaction that makes it true, so that the
//! stream can neither miss one nor announce one that was rolled back.

use countersign_core::{SessionId, Timestamp, UserId};
use rusqlite::Connection;

use super::columns::{At, Whole};

/// Denies every access token of these sessions.
pub(super) fn add_sessions(db: &Connection, ids: &[SessionId], not_after: Timestamp) -> rusqlite::Result<()> {
    let mut add = db.prepare_cached("INSERT INTO denylist (kind, id, not_after) VALUES ('session', ?, ?)")?;
    for id in ids {
        add.execute((id.as_bytes(), At(not_after)))?;
    }
    Ok(())
}

/// Denies the user's access tokens of an epoch before this one.
pub(super) fn add_epoch(
    db: &Connection,
    user: UserId,
    epoch: Whole,
    not_after: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO denylist (kind, id, epoch, not_after) VALUES ('epoch', ?, ?, ?)")?
        .execute((user.as_bytes(), epoch, At(not_after)))?;
    Ok(())
}

/// Denies every access token that this key signed.
pub(super) fn add_key(db: &Connection, kid: &str, not_after: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO denylist (kind, id, not_after) VALUES ('key', ?, ?)")?
        .execute((kid.as_bytes(), At(not_after)))?;
    Ok(())
}
