//! The outbox of the deny-list stream. An entry is written in the transaction that makes it true, so that the
//! stream can neither miss one nor announce one that was rolled back.

use countersign_core::{SessionId, Timestamp, UserId};

use super::columns::{At, Bytes, Whole};
use super::database::Db;
use super::fault::Fault;

pub(super) const ADD_SESSIONS: &str =
    "INSERT INTO denylist (kind, id, not_after) SELECT 'session', unnest($1::bytea[]), $2";

pub(super) const ADD_EPOCH: &str =
    "INSERT INTO denylist (kind, id, epoch, not_after) VALUES ('epoch', $1, $2, $3)";

pub(super) const ADD_KEY: &str = "INSERT INTO denylist (kind, id, not_after) VALUES ('key', $1, $2)";

/// Denies every access token of these sessions.
pub(super) async fn add_sessions(db: &Db, ids: &[SessionId], not_after: Timestamp) -> Result<(), Fault> {
    if !ids.is_empty() {
        db.note_news();
        let ids: Vec<_> = ids.iter().map(|id| Bytes(*id.as_bytes())).collect();
        db.execute(ADD_SESSIONS, &[&ids, &At(not_after)]).await?;
    }
    Ok(())
}

/// Denies the user's access tokens of an epoch before this one.
pub(super) async fn add_epoch(
    db: &Db,
    user: UserId,
    epoch: Whole,
    not_after: Timestamp,
) -> Result<(), Fault> {
    db.note_news();
    db.execute(ADD_EPOCH, &[&Bytes(*user.as_bytes()), &epoch, &At(not_after)]).await?;
    Ok(())
}

/// Denies every access token that this key signed.
pub(super) async fn add_key(db: &Db, kid: &str, not_after: Timestamp) -> Result<(), Fault> {
    db.note_news();
    db.execute(ADD_KEY, &[&kid.as_bytes(), &At(not_after)]).await?;
    Ok(())
}
