//! The outbox of the deny-list stream. An entry is written in the transaction that makes it true, so that the
//! stream can neither miss one nor announce one that was rolled back.

use countersign_core::{SessionId, Timestamp, UserId};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Row};

use super::columns::{At, Columns, Whole};
use crate::store::Denied;

pub(super) const AFTER: &str =
    "SELECT seq, kind, id, epoch, not_after FROM denylist WHERE seq > ? ORDER BY seq LIMIT ?";

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

/// One transaction writes at a time, so sequences are in the order of the commits.
pub(super) fn after(db: &Connection, after: u64, limit: u32) -> rusqlite::Result<Denied> {
    let mut denied = Denied { last: after, ..Denied::default() };
    let mut rows = db.prepare_cached(AFTER)?;
    let mut rows = rows.query((Whole(after), limit))?;
    while let Some(row) = rows.next()? {
        take(row, &mut denied)?;
    }
    Ok(denied)
}

fn take(row: &Row<'_>, denied: &mut Denied) -> rusqlite::Result<()> {
    let mut columns = Columns::of(row);
    denied.last = columns.take::<Whole>()?.0;
    let kind: String = columns.take()?;
    match kind.as_str() {
        "session" => {
            let id = SessionId::from_bytes(columns.take()?);
            let _epoch: Option<Whole> = columns.take()?;
            denied.batch.sessions.push((id, columns.take::<At>()?.0));
        }
        "epoch" => {
            let user = UserId::from_bytes(columns.take()?);
            denied.batch.epochs.push((user, columns.take::<Whole>()?.0, columns.take::<At>()?.0));
        }
        "key" => {
            let name = String::from_utf8(columns.take()?).map_err(FromSqlError::other)?;
            let _epoch: Option<Whole> = columns.take()?;
            denied.batch.keys.push((name, columns.take::<At>()?.0));
        }
        // A newer release may know more kinds, and has verifiers that do.
        other => tracing::warn!(kind = other, "a deny-list entry of a kind that this release does not know"),
    }
    Ok(())
}
