//! The audit of each account.

use countersign_core::{SessionId, UserId};
use tokio_postgres::Row;

use super::columns::{At, Bytes, Columns, Json, Whole, Word};
use super::database::Db;
use super::fault::Fault;
use crate::store::{Event, NewEvent};

pub(super) const RECORD: &str =
    "INSERT INTO events (user_id, at, kind, session_id, detail) VALUES ($1, $2, $3, $4, $5)";

pub(super) const OF_USER: &str = "SELECT id, at, kind, user_id, session_id, detail FROM events \
     WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

pub(super) const NEWEST: &str = "SELECT coalesce(max(id), 0) FROM events";

pub(super) const AFTER: &str =
    "SELECT id, at, kind, user_id, session_id, detail FROM events WHERE id > $1 ORDER BY id LIMIT $2";

pub(super) const AMONG: &str =
    "SELECT id, at, kind, user_id, session_id, detail FROM events WHERE id = ANY($1) ORDER BY id";

pub(super) async fn record(db: &Db, event: &NewEvent) -> Result<(), Fault> {
    let session = event.session.map(|id| Bytes(*id.as_bytes()));
    let (user, detail) = (Bytes(*event.user.as_bytes()), event.detail.as_ref().map(Json));
    db.execute(RECORD, &[&user, &At(event.at), &Word(event.kind), &session, &detail]).await?;
    Ok(())
}

/// Newest first.
pub(super) async fn of_user(
    db: &Db,
    user: UserId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Event>, Fault> {
    let (user, before) = (Bytes(*user.as_bytes()), Whole(before.unwrap_or(u64::MAX)));
    db.rows(OF_USER, &[&user, &before, &i64::from(limit)]).await?.iter().map(from_row).collect()
}

pub(super) async fn newest(db: &Db) -> Result<u64, Fault> {
    let row = db.row(NEWEST, &[]).await?;
    row.map_or(Ok(0), |row| Columns::of(&row).take::<Whole>().map(|id| id.0))
}

/// In the order of their ids.
pub(super) async fn after(db: &Db, after: u64, limit: u32) -> Result<Vec<Event>, Fault> {
    db.rows(AFTER, &[&Whole(after), &i64::from(limit)]).await?.iter().map(from_row).collect()
}

pub(super) async fn among(db: &Db, ids: &[u64]) -> Result<Vec<Event>, Fault> {
    let ids: Vec<_> = ids.iter().copied().map(Whole).collect();
    db.rows(AMONG, &[&ids]).await?.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<Event, Fault> {
    let mut columns = Columns::of(row);
    Ok(Event {
        id: columns.take::<Whole>()?.0,
        what: NewEvent {
            at: columns.take::<At>()?.0,
            kind: columns.take::<Word<_>>()?.0,
            user: UserId::from_bytes(columns.take::<Bytes<16>>()?.0),
            session: columns.take::<Option<Bytes<16>>>()?.map(|id| SessionId::from_bytes(id.0)),
            detail: columns.take::<Option<Json<_>>>()?.map(|json| json.0),
        },
    })
}
