//! Audit events.

use countersign_core::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, Row};

use super::users::{damaged, json};
use crate::store::{Event, EventKind, NewEvent};

pub(super) fn insert(db: &Connection, event: &NewEvent) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO events (user_id, session_id, at, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        event.user.as_bytes(),
        event.session.as_ref().map(SessionId::as_bytes),
        event.at.as_millis(),
        event.kind.name(),
        event.detail.as_ref().map(json),
    ))
    .map(drop)
}

pub(super) fn page(
    db: &Connection,
    user: UserId,
    before: Option<u64>,
    limit: u32,
) -> rusqlite::Result<Vec<Event>> {
    let before = before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
    db.prepare_cached(
        "SELECT event_id, user_id, session_id, at, kind, detail FROM events
         WHERE user_id = ?1 AND event_id < ?2 ORDER BY event_id DESC LIMIT ?3",
    )?
    .query_map((user.as_bytes(), before, limit), event)?
    .collect()
}

pub(super) fn sweep(db: &Connection, before: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    // In the order of their ids, which is nearly that of time: no index for the rest.
    db.prepare_cached(
        "DELETE FROM events WHERE event_id IN (
             SELECT event_id FROM (SELECT event_id, at FROM events ORDER BY event_id LIMIT ?2) WHERE at < ?1)",
    )?
    .execute((before.as_millis(), limit))
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let kind: String = row.get(4)?;
    let detail: Option<String> = row.get(5)?;
    let what = NewEvent {
        at: Timestamp::from_millis(row.get(3)?),
        kind: EventKind::from_name(&kind).ok_or_else(|| damaged(4, "kind"))?,
        user: UserId::from_bytes(row.get(1)?),
        session: row.get::<_, Option<[u8; 16]>>(2)?.map(SessionId::from_bytes),
        detail: detail.and_then(|text| serde_json::from_str(&text).ok()),
    };
    Ok(Event { id: row.get(0)?, what })
}
