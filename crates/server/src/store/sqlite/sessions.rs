//! Sessions: made, read, confirmed and ended.

use countersign_core::code::EndReason;
use countersign_core::session::{Life, Place, State};
use countersign_core::token::FingerprintHash;
use countersign_core::{Secret, SessionId, Timestamp, UserId};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::columns::{At, Columns, Reason, Span, Word};
use super::users::{self, user_columns};
use super::{denylist, events};
use crate::store::{Held, NewEvent, Session};

macro_rules! session_columns {
    () => {
        "s.user_id, s.session_id, s.parent, s.depth, s.slot, s.parent_slot, s.confirmed_at, s.salt, \
         s.fingerprint, s.mode, s.remember, s.created_at, s.seen_at, s.idle_ms, s.absolute_ms, s.user_agent, \
         s.ended_at, s.end_reason"
    };
}

macro_rules! select_held {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            session_columns!(),
            ", ",
            user_columns!(),
            " FROM sessions s JOIN users u ON u.id = s.user_id ",
            $rest
        )
    };
}

pub(super) const BY_KEY: &str = select_held!("WHERE s.user_id = ? AND s.session_id = ?");

// A fork shares its parent's fingerprint: whichever of them lives is meant, and the newest.
const BY_FINGERPRINT: &str = select_held!(
    "WHERE s.fingerprint = ? ORDER BY s.ended_at IS NULL DESC, s.created_at DESC, s.session_id DESC LIMIT 1"
);

pub(super) const CONFIRM: &str = "UPDATE sessions SET depth = :to_depth, slot = :to_slot, parent_slot = :to_parent_slot, \
     confirmed_at = :confirmed_at, seen_at = :confirmed_at \
     WHERE user_id = :user AND session_id = :session AND depth = :depth AND slot = :slot AND ended_at IS NULL";

/// How sessions are being ended.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) at: Timestamp,
    pub(super) reason: EndReason,
    pub(super) deny_until: Timestamp,
}

fn from_columns(columns: &mut Columns<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        user: UserId::from_bytes(columns.take()?),
        id: SessionId::from_bytes(columns.take()?),
        parent: columns.take::<Option<_>>()?.map(SessionId::from_bytes),
        state: State {
            place: Place {
                depth: columns.take()?,
                slot: columns.take::<At>()?.0,
                parent_slot: columns.take::<At>()?.0,
            },
            confirmed_at: columns.take::<At>()?.0,
        },
        salt: columns.take::<Salt>()?.0,
        fingerprint: FingerprintHash::from_bytes(columns.take()?),
        mode: columns.take::<Word<_>>()?.0,
        remember: columns.take()?,
        life: Life {
            created_at: columns.take::<At>()?.0,
            seen_at: columns.take::<At>()?.0,
            idle: columns.take::<Span>()?.0,
            absolute: columns.take::<Span>()?.0,
        },
        user_agent: columns.take()?,
        ended: columns
            .take::<Option<At>>()?
            .zip(columns.take::<Option<Reason>>()?)
            .map(|(at, reason)| (at.0, reason.0)),
    })
}

fn held(row: &Row<'_>) -> rusqlite::Result<Held> {
    let mut columns = Columns::of(row);
    Ok(Held { session: from_columns(&mut columns)?, user: users::from_columns(&mut columns)? })
}

pub(super) fn by_key(db: &Connection, user: UserId, id: SessionId) -> rusqlite::Result<Option<Held>> {
    db.prepare_cached(BY_KEY)?.query_row((user.as_bytes(), id.as_bytes()), held).optional()
}

pub(super) fn by_fingerprint(db: &Connection, fingerprint: &[u8; 32]) -> rusqlite::Result<Option<Held>> {
    db.prepare_cached(BY_FINGERPRINT)?.query_row([fingerprint], held).optional()
}

pub(super) fn living(db: &Connection, user: UserId) -> rusqlite::Result<Vec<Session>> {
    db.prepare_cached(concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions s WHERE s.user_id = ? AND s.ended_at IS NULL ORDER BY s.created_at, s.session_id"
    ))?
    .query_map([user.as_bytes()], |row| from_columns(&mut Columns::of(row)))?
    .collect()
}

/// False, and nothing written, if the session's parent has ended or was never there.
pub(super) fn create(db: &Connection, session: &Session, event: &NewEvent) -> rusqlite::Result<bool> {
    let State { place, confirmed_at } = session.state;
    let inserted = db
        .prepare_cached(
            "INSERT INTO sessions (user_id, session_id, parent, depth, slot, parent_slot, confirmed_at, salt, \
             fingerprint, mode, remember, created_at, seen_at, idle_ms, absolute_ms, user_agent, ended_at, \
             end_reason) \
             SELECT :user, :session, :parent, :depth, :slot, :parent_slot, :confirmed_at, :salt, :fingerprint, \
             :mode, :remember, :created_at, :seen_at, :idle, :absolute, :user_agent, :ended_at, :end_reason \
             WHERE :parent IS NULL OR EXISTS (SELECT 1 FROM sessions \
             WHERE user_id = :user AND session_id = :parent AND ended_at IS NULL)",
        )?
        .execute(named_params! {
            ":user": session.user.as_bytes(),
            ":session": session.id.as_bytes(),
            ":parent": session.parent.as_ref().map(SessionId::as_bytes),
            ":depth": place.depth,
            ":slot": At(place.slot),
            ":parent_slot": At(place.parent_slot),
            ":confirmed_at": At(confirmed_at),
            ":salt": session.salt.expose(),
            ":fingerprint": session.fingerprint.as_bytes(),
            ":mode": Word(session.mode),
            ":remember": session.remember,
            ":created_at": At(session.life.created_at),
            ":seen_at": At(session.life.seen_at),
            ":idle": Span(session.life.idle),
            ":absolute": Span(session.life.absolute),
            ":user_agent": session.user_agent,
            ":ended_at": session.ended.map(|(at, _)| At(at)),
            ":end_reason": session.ended.map(|(_, reason)| Reason(reason)),
        })?;
    if inserted == 0 {
        return Ok(false);
    }
    events::record(db, event)?;
    Ok(true)
}

pub(super) fn confirm(
    db: &Connection,
    user: UserId,
    id: SessionId,
    from: &State,
    to: &State,
) -> rusqlite::Result<bool> {
    let changed = db.prepare_cached(CONFIRM)?.execute(named_params! {
        ":user": user.as_bytes(),
        ":session": id.as_bytes(),
        ":depth": from.place.depth,
        ":slot": At(from.place.slot),
        ":to_depth": to.place.depth,
        ":to_slot": At(to.place.slot),
        ":to_parent_slot": At(to.place.parent_slot),
        ":confirmed_at": At(to.confirmed_at),
    })?;
    Ok(changed == 1)
}

/// Whether the session lives and its state is still this one.
pub(super) fn stands(db: &Connection, user: UserId, id: SessionId, state: &State) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM sessions \
         WHERE user_id = ? AND session_id = ? AND depth = ? AND slot = ? AND ended_at IS NULL",
    )?
    .exists((user.as_bytes(), id.as_bytes(), state.place.depth, At(state.place.slot)))
}

pub(super) fn touch(
    db: &Connection,
    user: UserId,
    id: SessionId,
    seen_at: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE sessions SET seen_at = ?1 \
         WHERE user_id = ?2 AND session_id = ?3 AND seen_at < ?1 AND ended_at IS NULL",
    )?
    .execute((At(seen_at), user.as_bytes(), id.as_bytes()))?;
    Ok(())
}

/// Ends a session, its forks and theirs.
pub(super) fn end(
    db: &Connection,
    user: UserId,
    id: SessionId,
    ending: Ending,
) -> rusqlite::Result<Vec<SessionId>> {
    let ended = db
        .prepare_cached(
            "WITH RECURSIVE family(id) AS (VALUES (:session) UNION \
             SELECT s.session_id FROM family f JOIN sessions s ON s.user_id = :user AND s.parent = f.id) \
             UPDATE sessions SET ended_at = :at, end_reason = :reason \
             WHERE user_id = :user AND session_id IN (SELECT id FROM family) AND ended_at IS NULL \
             RETURNING session_id",
        )?
        .query_map(
            named_params! {
                ":user": user.as_bytes(),
                ":session": id.as_bytes(),
                ":at": At(ending.at),
                ":reason": Reason(ending.reason),
            },
            session_id,
        )?
        .collect::<Result<Vec<_>, _>>()?;
    denylist::add_sessions(db, &ended, ending.deny_until)?;
    Ok(ended)
}

/// Ends every session of the user but `keep`.
pub(super) fn end_all(
    db: &Connection,
    user: UserId,
    keep: Option<SessionId>,
    ending: Ending,
) -> rusqlite::Result<Vec<SessionId>> {
    let ended = db
        .prepare_cached(
            "UPDATE sessions SET ended_at = :at, end_reason = :reason \
             WHERE user_id = :user AND session_id IS NOT :keep AND ended_at IS NULL RETURNING session_id",
        )?
        .query_map(
            named_params! {
                ":user": user.as_bytes(),
                ":keep": keep.as_ref().map(SessionId::as_bytes),
                ":at": At(ending.at),
                ":reason": Reason(ending.reason),
            },
            session_id,
        )?
        .collect::<Result<Vec<_>, _>>()?;
    denylist::add_sessions(db, &ended, ending.deny_until)?;
    Ok(ended)
}

fn session_id(row: &Row<'_>) -> rusqlite::Result<SessionId> {
    row.get(0).map(SessionId::from_bytes)
}

struct Salt(Secret<16>);

impl FromSql for Salt {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Secret::from_slice(value.as_blob()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}
