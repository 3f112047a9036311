//! Sessions: the one read and the one write of a refresh, and their ends.

use std::time::Duration;

use countersign_core::code::EndReason;
use countersign_core::session::{Life, Place, State};
use countersign_core::token::FingerprintHash;
use countersign_core::{Secret, SessionId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::events;
use super::users::{self, damaged};
use crate::store::{Held, Mode, NewEvent, Session};

/// The columns that [`session`] reads, in its order.
const COLUMNS: &str = "s.user_id, s.session_id, s.parent_id, s.depth, s.slot, s.parent_slot, s.confirmed_at, s.salt, \
     s.fingerprint, s.mode, s.remember, s.created_at, s.seen_at, s.idle_ms, s.absolute_ms, s.user_agent, s.ended_at, \
     s.end_reason";
const COLUMN_COUNT: usize = 18;

/// Why, when and with what traces sessions end.
pub(super) struct Ending {
    pub(super) reason: EndReason,
    pub(super) event: NewEvent,
    pub(super) deny_until: Timestamp,
}

/// False if the session's parent has ended, or is not there.
pub(super) fn insert(db: &Connection, new: &Session, event: &NewEvent) -> rusqlite::Result<bool> {
    let inserted = db
        .prepare_cached(
            "INSERT INTO sessions (user_id, session_id, parent_id, depth, slot, parent_slot, confirmed_at, salt,
                 fingerprint, mode, remember, created_at, seen_at, idle_ms, absolute_ms, user_agent)
             SELECT :user, :id, :parent, :depth, :slot, :parent_slot, :confirmed_at, :salt,
                 :fingerprint, :mode, :remember, :created_at, :seen_at, :idle, :absolute, :user_agent
             WHERE :parent IS NULL OR EXISTS (
                 SELECT 1 FROM sessions WHERE user_id = :user AND session_id = :parent AND ended_at IS NULL)",
        )?
        .execute(named_params! {
            ":user": new.user.as_bytes(),
            ":id": new.id.as_bytes(),
            ":parent": new.parent.as_ref().map(SessionId::as_bytes),
            ":depth": new.state.place.depth,
            ":slot": new.state.place.slot.as_millis(),
            ":parent_slot": new.state.place.parent_slot.as_millis(),
            ":confirmed_at": new.state.confirmed_at.as_millis(),
            ":salt": new.salt.expose(),
            ":fingerprint": new.fingerprint.as_bytes(),
            ":mode": new.mode.name(),
            ":remember": new.remember,
            ":created_at": new.life.created_at.as_millis(),
            ":seen_at": new.life.seen_at.as_millis(),
            ":idle": millis(new.life.idle),
            ":absolute": millis(new.life.absolute),
            ":user_agent": new.user_agent,
        })?;
    if inserted == 1 {
        events::insert(db, event)?;
    }
    Ok(inserted == 1)
}

/// Two searches by primary key; `tests/it/store_contract.rs` looks at the plan.
pub(super) fn held(db: &Connection, user: UserId, id: SessionId) -> rusqlite::Result<Option<Held>> {
    db.prepare_cached(&held_sql("s.user_id = ?1 AND s.session_id = ?2"))?
        .query_row((user.as_bytes(), id.as_bytes()), read_held)
        .optional()
}

/// Forks share the fingerprint; the one they came from stands for all.
pub(super) fn by_fingerprint(db: &Connection, fingerprint: &[u8; 32]) -> rusqlite::Result<Option<Held>> {
    db.prepare_cached(&held_sql("s.fingerprint = ?1 AND s.parent_id IS NULL"))?
        .query_row([fingerprint], read_held)
        .optional()
}

fn held_sql(condition: &str) -> String {
    let user = users::COLUMNS;
    format!(
        "SELECT {COLUMNS}, {user} FROM sessions s JOIN users u ON u.user_id = s.user_id WHERE {condition}"
    )
}

fn read_held(row: &Row<'_>) -> rusqlite::Result<Held> {
    Ok(Held { session: session(row)?, user: users::user(row, COLUMN_COUNT)? })
}

pub(super) fn living(db: &Connection, user: UserId) -> rusqlite::Result<Vec<Session>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sessions s WHERE s.user_id = ?1 AND s.ended_at IS NULL ORDER BY s.session_id"
    );
    db.prepare_cached(&sql)?.query_map([user.as_bytes()], session)?.collect()
}

/// The compare-and-swap of a refresh.
pub(super) fn confirm(
    db: &Connection,
    user: UserId,
    id: SessionId,
    from: &State,
    to: &State,
) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE sessions
             SET depth = ?5, slot = ?6, parent_slot = ?7, confirmed_at = ?8, seen_at = max(seen_at, ?8)
             WHERE user_id = ?1 AND session_id = ?2 AND depth = ?3 AND slot = ?4 AND ended_at IS NULL",
        )?
        .execute((
            user.as_bytes(),
            id.as_bytes(),
            from.place.depth,
            from.place.slot.as_millis(),
            to.place.depth,
            to.place.slot.as_millis(),
            to.place.parent_slot.as_millis(),
            to.confirmed_at.as_millis(),
        ))?;
    Ok(changed == 1)
}

pub(super) fn touch(
    db: &Connection,
    user: UserId,
    id: SessionId,
    seen_at: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE sessions SET seen_at = max(seen_at, ?3) WHERE user_id = ?1 AND session_id = ?2",
    )?
    .execute((user.as_bytes(), id.as_bytes(), seen_at.as_millis()))
    .map(drop)
}

/// Ends a session and its forks; the event is recorded if any ended.
pub(super) fn end(
    db: &Connection,
    user: UserId,
    id: SessionId,
    ending: &Ending,
) -> rusqlite::Result<Vec<SessionId>> {
    let ended = db
        .prepare_cached(
            "UPDATE sessions SET ended_at = ?3, end_reason = ?4
             WHERE user_id = ?1 AND (session_id = ?2 OR parent_id = ?2) AND ended_at IS NULL
             RETURNING session_id",
        )?
        .query_map(
            (user.as_bytes(), id.as_bytes(), ending.event.at.as_millis(), ending.reason.name()),
            session_id,
        )?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    deny(db, &ended, ending)?;
    if !ended.is_empty() {
        events::insert(db, &ending.event)?;
    }
    Ok(ended)
}

/// Ends every session of the user but `keep` (and what it was forked from, and the forks of that).
pub(super) fn end_all(
    db: &Connection,
    user: UserId,
    keep: Option<SessionId>,
    ending: &Ending,
) -> rusqlite::Result<Vec<SessionId>> {
    let ended = db
        .prepare_cached(
            "UPDATE sessions SET ended_at = ?2, end_reason = ?3
             WHERE user_id = ?1 AND ended_at IS NULL AND (?4 IS NULL OR coalesce(parent_id, session_id) <> (
                 SELECT coalesce(parent_id, session_id) FROM sessions WHERE user_id = ?1 AND session_id = ?4))
             RETURNING session_id",
        )?
        .query_map(
            (
                user.as_bytes(),
                ending.event.at.as_millis(),
                ending.reason.name(),
                keep.as_ref().map(SessionId::as_bytes),
            ),
            session_id,
        )?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    deny(db, &ended, ending)?;
    Ok(ended)
}

fn deny(db: &Connection, ended: &[SessionId], ending: &Ending) -> rusqlite::Result<()> {
    let mut insert =
        db.prepare_cached("INSERT INTO denylist (kind, id, not_after) VALUES ('session', ?1, ?2)")?;
    ended.iter().try_for_each(|id| insert.execute((id.as_bytes(), ending.deny_until.as_millis())).map(drop))
}

/// Deletes sessions that ended, or ran out of time, before `before`; at most `limit`.
pub(super) fn sweep(db: &Connection, before: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM sessions WHERE (user_id, session_id) IN (
             SELECT user_id, session_id FROM sessions WHERE ended_at < ?1 LIMIT ?2)",
    )?
    .execute((before.as_millis(), limit))
}

fn session_id(row: &Row<'_>) -> rusqlite::Result<SessionId> {
    row.get(0).map(SessionId::from_bytes)
}

/// Reads [`COLUMNS`].
fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let time = |at| row.get(at).map(Timestamp::from_millis);
    let salt: [u8; 16] = row.get(7)?;
    let mode: String = row.get(9)?;
    let ended_at: Option<u64> = row.get(16)?;
    let reason: Option<String> = row.get(17)?;
    Ok(Session {
        user: UserId::from_bytes(row.get(0)?),
        id: SessionId::from_bytes(row.get(1)?),
        parent: row.get::<_, Option<[u8; 16]>>(2)?.map(SessionId::from_bytes),
        state: State {
            place: Place { depth: row.get(3)?, slot: time(4)?, parent_slot: time(5)? },
            confirmed_at: time(6)?,
        },
        salt: Secret::from_slice(&salt).ok_or_else(|| damaged(7, "salt"))?,
        fingerprint: FingerprintHash::from_bytes(row.get(8)?),
        mode: Mode::from_name(&mode).ok_or_else(|| damaged(9, "mode"))?,
        remember: row.get(10)?,
        life: Life {
            created_at: time(11)?,
            seen_at: time(12)?,
            idle: Duration::from_millis(row.get(13)?),
            absolute: Duration::from_millis(row.get(14)?),
        },
        user_agent: row.get(15)?,
        // An end without a readable reason is an end all the same.
        ended: ended_at.map(|at| {
            let reason = reason.as_deref().and_then(EndReason::from_name).unwrap_or(EndReason::Revoked);
            (Timestamp::from_millis(at), reason)
        }),
    })
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
