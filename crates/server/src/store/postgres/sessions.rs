//! Sessions: made, read, confirmed and ended.

use countersign_core::code::EndReason;
use countersign_core::session::{Life, Place, State};
use countersign_core::token::FingerprintHash;
use countersign_core::{SessionId, Timestamp, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::columns::{At, Bytes, Columns, Reason, Salt, Span, Word};
use super::database::Db;
use super::denylist;
use super::fault::Fault;
use super::users::{self, user_columns};
use crate::store::{Held, Session};

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
            " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.user_id = $1 AND ",
            $rest
        )
    };
}

pub(super) const BY_KEY: &str = select_held!("s.session_id = $2");

pub(super) const OWNER: &str = "SELECT user_id FROM fingerprints WHERE fingerprint = $1";

// A fork shares its parent's fingerprint: whichever of them lives is meant, and the newest.
pub(super) const BY_FINGERPRINT: &str = select_held!(
    "s.fingerprint = $2 ORDER BY s.ended_at IS NULL DESC, s.created_at DESC, s.session_id DESC LIMIT 1"
);

pub(super) const LIVING: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM sessions s WHERE s.user_id = $1 AND s.ended_at IS NULL ORDER BY s.created_at, s.session_id"
);

pub(super) const INDEX: &str = "INSERT INTO fingerprints (fingerprint, user_id, expires_at) VALUES ($1, $2, $3) \
     ON CONFLICT (fingerprint) DO UPDATE SET expires_at = greatest(fingerprints.expires_at, excluded.expires_at)";

pub(super) const LIVES: &str =
    "SELECT 1 FROM sessions WHERE user_id = $1 AND session_id = $2 AND ended_at IS NULL FOR SHARE";

pub(super) const CREATE: &str = "INSERT INTO sessions (user_id, session_id, parent, depth, slot, parent_slot, \
     confirmed_at, salt, fingerprint, mode, remember, created_at, seen_at, idle_ms, absolute_ms, user_agent, \
     ended_at, end_reason) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";

pub(super) const CONFIRM: &str = "UPDATE sessions SET depth = $5, slot = $6, parent_slot = $7, confirmed_at = $8, \
     seen_at = $8 WHERE user_id = $1 AND session_id = $2 AND depth = $3 AND slot = $4 AND ended_at IS NULL";

pub(super) const STANDS: &str = "SELECT 1 FROM sessions WHERE user_id = $1 AND session_id = $2 AND depth = $3 \
     AND slot = $4 AND ended_at IS NULL FOR UPDATE";

pub(super) const TOUCH: &str = "UPDATE sessions SET seen_at = $3 \
     WHERE user_id = $1 AND session_id = $2 AND seen_at < $3 AND ended_at IS NULL";

pub(super) const LOCK: &str = "SELECT 1 FROM sessions WHERE user_id = $1 AND session_id = $2 FOR UPDATE";

pub(super) const FORKS: &str =
    "SELECT session_id, parent FROM sessions WHERE user_id = $1 AND parent IS NOT NULL AND ended_at IS NULL";

pub(super) const END: &str = "UPDATE sessions SET ended_at = $3, end_reason = $4 \
     WHERE user_id = $1 AND session_id = ANY($2) AND ended_at IS NULL RETURNING session_id";

pub(super) const END_ALL: &str = "UPDATE sessions SET ended_at = $3, end_reason = $4 \
     WHERE user_id = $1 AND session_id IS DISTINCT FROM $2 AND ended_at IS NULL RETURNING session_id";

/// How sessions are being ended.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) at: Timestamp,
    pub(super) reason: EndReason,
    pub(super) deny_until: Timestamp,
}

fn from_columns(columns: &mut Columns<'_>) -> Result<Session, Fault> {
    Ok(Session {
        user: UserId::from_bytes(columns.take::<Bytes<16>>()?.0),
        id: SessionId::from_bytes(columns.take::<Bytes<16>>()?.0),
        parent: columns.take::<Option<Bytes<16>>>()?.map(|id| SessionId::from_bytes(id.0)),
        state: State {
            place: Place {
                depth: u32::try_from(columns.take::<i64>()?)
                    .map_err(|error| Fault::Row(error.to_string()))?,
                slot: columns.take::<At>()?.0,
                parent_slot: columns.take::<At>()?.0,
            },
            confirmed_at: columns.take::<At>()?.0,
        },
        salt: columns.take::<Salt>()?.0,
        fingerprint: FingerprintHash::from_bytes(columns.take::<Bytes<32>>()?.0),
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

fn held(row: &Row) -> Result<Held, Fault> {
    let mut columns = Columns::of(row);
    Ok(Held { session: from_columns(&mut columns)?, user: users::from_columns(&mut columns)? })
}

const fn key(user: UserId, id: SessionId) -> (Bytes<16>, Bytes<16>) {
    (Bytes(*user.as_bytes()), Bytes(*id.as_bytes()))
}

pub(super) async fn by_key(db: &Db, user: UserId, id: SessionId) -> Result<Option<Held>, Fault> {
    let (user, id) = key(user, id);
    db.row(BY_KEY, &[&user, &id]).await?.as_ref().map(held).transpose()
}

pub(super) async fn by_fingerprint(db: &Db, fingerprint: [u8; 32]) -> Result<Option<Held>, Fault> {
    let Some(user) = users::owner(db, OWNER, &Bytes(fingerprint)).await? else {
        return Ok(None);
    };
    let found = db.row(BY_FINGERPRINT, &[&Bytes(*user.as_bytes()), &Bytes(fingerprint)]).await?;
    found.as_ref().map(held).transpose()
}

pub(super) async fn living(db: &Db, user: UserId) -> Result<Vec<Session>, Fault> {
    let rows = db.rows(LIVING, &[&Bytes(*user.as_bytes())]).await?;
    rows.iter().map(|row| from_columns(&mut Columns::of(row))).collect()
}

/// Written before the session, in a transaction of its own: it may live on another shard, and leads nowhere if the
/// session is not made.
pub(super) async fn index(db: &Db, session: &Session) -> Result<(), Fault> {
    let (user, fingerprint) = (Bytes(*session.user.as_bytes()), Bytes(*session.fingerprint.as_bytes()));
    db.execute(INDEX, &[&fingerprint, &user, &At(session.life.expires_at())]).await?;
    Ok(())
}

/// Whether the session has not ended; it cannot either before this transaction has.
pub(super) async fn lives(db: &Db, user: UserId, id: SessionId) -> Result<bool, Fault> {
    let (user, id) = key(user, id);
    Ok(db.row(LIVES, &[&user, &id]).await?.is_some())
}

pub(super) async fn create(db: &Db, session: &Session) -> Result<(), Fault> {
    let (user, id) = key(session.user, session.id);
    let State { place, confirmed_at } = session.state;
    db.execute(
        CREATE,
        &[
            &user,
            &id,
            &session.parent.map(|id| Bytes(*id.as_bytes())),
            &i64::from(place.depth),
            &At(place.slot),
            &At(place.parent_slot),
            &At(confirmed_at),
            &&session.salt.expose()[..],
            &Bytes(*session.fingerprint.as_bytes()),
            &Word(session.mode),
            &session.remember,
            &At(session.life.created_at),
            &At(session.life.seen_at),
            &Span(session.life.idle),
            &Span(session.life.absolute),
            &session.user_agent,
            &session.ended.map(|(at, _)| At(at)),
            &session.ended.map(|(_, reason)| Reason(reason)),
        ],
    )
    .await?;
    Ok(())
}

/// False if the session is no longer in the state `from`, or has ended.
pub(super) async fn confirm(
    db: &Db,
    user: UserId,
    id: SessionId,
    from: &State,
    to: &State,
) -> Result<bool, Fault> {
    let (user, id) = key(user, id);
    let (depth, slot) = (i64::from(from.place.depth), At(from.place.slot));
    let (next, next_slot) = (i64::from(to.place.depth), At(to.place.slot));
    let (parent_slot, confirmed_at) = (At(to.place.parent_slot), At(to.confirmed_at));
    let with: [&(dyn ToSql + Sync); 8] =
        [&user, &id, &depth, &slot, &next, &next_slot, &parent_slot, &confirmed_at];
    Ok(db.execute(CONFIRM, &with).await? == 1)
}

/// Whether the session is in this state and has not ended; it stays so until this transaction ends.
pub(super) async fn stands(db: &Db, user: UserId, id: SessionId, state: &State) -> Result<bool, Fault> {
    let (user, id) = key(user, id);
    let (depth, slot) = (i64::from(state.place.depth), At(state.place.slot));
    Ok(db.row(STANDS, &[&user, &id, &depth, &slot]).await?.is_some())
}

pub(super) async fn touch(db: &Db, user: UserId, id: SessionId, seen_at: Timestamp) -> Result<(), Fault> {
    let (user, id) = key(user, id);
    db.execute(TOUCH, &[&user, &id, &At(seen_at)]).await?;
    Ok(())
}

/// Ends a session, its forks and theirs.
pub(super) async fn end(
    db: &Db,
    user: UserId,
    id: SessionId,
    ending: Ending,
) -> Result<Vec<SessionId>, Fault> {
    // While it is held no fork can be made of it, and one that was being made is seen by the next statement.
    let (user, id) = key(user, id);
    db.row(LOCK, &[&user, &id]).await?;
    let mut forks = Vec::new();
    for row in db.rows(FORKS, &[&user]).await? {
        let mut columns = Columns::of(&row);
        forks.push((columns.take::<Bytes<16>>()?, columns.take::<Bytes<16>>()?));
    }
    let mut family = vec![id];
    let mut at = 0;
    while let Some(Bytes(parent)) = family.get(at).copied() {
        family.extend(forks.iter().filter(|(_, from)| from.0 == parent).map(|(fork, _)| *fork));
        at += 1;
    }
    let rows = db.rows(END, &[&user, &family, &At(ending.at), &Reason(ending.reason)]).await?;
    let ended = ids(&rows)?;
    denylist::add_sessions(db, &ended, ending.deny_until).await?;
    Ok(ended)
}

/// Ends every session of the user but `keep`.
pub(super) async fn end_all(
    db: &Db,
    user: UserId,
    keep: Option<SessionId>,
    ending: Ending,
) -> Result<Vec<SessionId>, Fault> {
    let (user, keep) = (Bytes(*user.as_bytes()), keep.map(|id| Bytes(*id.as_bytes())));
    let (at, reason) = (At(ending.at), Reason(ending.reason));
    let mut ended = Vec::new();
    // The second time for a fork that was being made while its parent was ended.
    while let now @ [_, ..] = &ids(&db.rows(END_ALL, &[&user, &keep, &at, &reason]).await?)?[..] {
        ended.extend_from_slice(now);
    }
    ended.sort_unstable();
    denylist::add_sessions(db, &ended, ending.deny_until).await?;
    Ok(ended)
}

fn ids(rows: &[Row]) -> Result<Vec<SessionId>, Fault> {
    let id = |row| Columns::of(row).take::<Bytes<16>>();
    let mut ids = rows
        .iter()
        .map(|row| id(row).map(|Bytes(id)| SessionId::from_bytes(id)))
        .collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    Ok(ids)
}
