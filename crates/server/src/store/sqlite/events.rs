//! The audit of each account.

use countersign_core::{SessionId, UserId};
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{At, Columns, Json, Whole, Word};
use crate::store::{Event, NewEvent};

pub(super) fn record(db: &Connection, event: &NewEvent) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO events (user_id, at, kind, session_id, detail) VALUES (?, ?, ?, ?, ?)")?
        .execute((
        event.user.as_bytes(),
        At(event.at),
        Word(event.kind),
        event.session.as_ref().map(SessionId::as_bytes),
        event.detail.as_ref().map(Json),
    ))?;
    Ok(())
}

/// Newest first.
pub(super) fn of_user(
    db: &Connection,
    user: UserId,
    before: Option<u64>,
    limit: u32,
) -> rusqlite::Result<Vec<Event>> {
    let before = Whole(before.unwrap_or(u64::MAX));
    db.prepare_cached(
        "SELECT id, at, kind, user_id, session_id, detail FROM events WHERE user_id = ? AND id < ? \
         ORDER BY id DESC LIMIT ?",
    )?
    .query_map((user.as_bytes(), before, limit), from_row)?
    .collect()
}

pub(super) fn newest(db: &Connection) -> rusqlite::Result<u64> {
    let newest = "SELECT coalesce(max(id), 0) FROM events";
    db.prepare_cached(newest)?.query_row([], |row| Ok(Columns::of(row).take::<Whole>()?.0))
}

/// Oldest first.
pub(super) fn after(db: &Connection, after: u64, limit: u32) -> rusqlite::Result<Vec<Event>> {
    db.prepare_cached(
        "SELECT id, at, kind, user_id, session_id, detail FROM events WHERE id > ? ORDER BY id LIMIT ?",
    )?
    .query_map((Whole(after), limit), from_row)?
    .collect()
}

pub(super) fn among(db: &Connection, ids: &[u64]) -> rusqlite::Result<Vec<Event>> {
    let mut event =
        db.prepare_cached("SELECT id, at, kind, user_id, session_id, detail FROM events WHERE id = ?")?;
    let found = ids.iter().map(|id| event.query_row([Whole(*id)], from_row).optional());
    found.filter_map(Result::transpose).collect()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Event> {
    let mut columns = Columns::of(row);
    Ok(Event {
        id: columns.take::<Whole>()?.0,
        what: NewEvent {
            at: columns.take::<At>()?.0,
            kind: columns.take::<Word<_>>()?.0,
            user: UserId::from_bytes(columns.take()?),
            session: columns.take::<Option<_>>()?.map(SessionId::from_bytes),
            detail: columns.take::<Option<Json<_>>>()?.map(|json| json.0),
        },
    })
}
