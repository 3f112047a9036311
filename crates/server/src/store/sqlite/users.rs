//! Users and their names.

use countersign_core::code::EndReason;
use countersign_core::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{At, Columns, Json, Whole};
use super::sessions::{self, Ending};
use super::{denylist, events};
use crate::store::{Created, NameKey, NewEvent, User, UserChange};

macro_rules! user_columns {
    () => {
        "u.id, u.email, u.username, u.password, u.roles, u.default_role, u.claims, u.claims_epoch, \
         u.disabled, u.created_at"
    };
}
pub(super) use user_columns;

pub(super) const BY_NAME: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM user_names n JOIN users u ON u.id = n.user_id WHERE n.name_key = ?"
);

pub(super) fn from_columns(columns: &mut Columns<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId::from_bytes(columns.take()?),
        email: columns.take()?,
        username: columns.take()?,
        password: columns.take()?,
        roles: columns.take::<Json<_>>()?.0,
        default_role: columns.take()?,
        claims: columns.take::<Json<_>>()?.0,
        claims_epoch: columns.take::<Whole>()?.0,
        disabled: columns.take()?,
        created_at: columns.take::<At>()?.0,
    })
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<User> {
    from_columns(&mut Columns::of(row))
}

pub(super) fn create(
    db: &Connection,
    user: &User,
    names: &[NameKey],
    event: &NewEvent,
) -> rusqlite::Result<Created> {
    let mut taken = db.prepare_cached("SELECT 1 FROM user_names WHERE name_key = ?")?;
    for name in names {
        if taken.exists([name.as_str()])? {
            return Ok(Created::NameTaken);
        }
    }
    let mut claim =
        db.prepare_cached("INSERT OR IGNORE INTO user_names (name_key, user_id) VALUES (?, ?)")?;
    for name in names {
        claim.execute((name.as_str(), user.id.as_bytes()))?;
    }
    db.prepare_cached(
        "INSERT INTO users (id, email, username, password, roles, default_role, claims, claims_epoch, disabled, \
         created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((
        user.id.as_bytes(),
        &user.email,
        &user.username,
        &user.password,
        Json(&user.roles),
        &user.default_role,
        Json(&user.claims),
        Whole(user.claims_epoch),
        user.disabled,
        At(user.created_at),
    ))?;
    events::record(db, event)?;
    Ok(Created::Done)
}

pub(super) fn by_id(db: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    db.prepare_cached(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = ?"))?
        .query_row([id.as_bytes()], from_row)
        .optional()
}

pub(super) fn by_name(db: &Connection, name: &NameKey) -> rusqlite::Result<Option<User>> {
    db.prepare_cached(BY_NAME)?.query_row([name.as_str()], from_row).optional()
}

pub(super) fn list(db: &Connection, after: Option<UserId>, limit: u32) -> rusqlite::Result<Vec<User>> {
    // Every id comes after the empty one.
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    db.prepare_cached(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.id > ? ORDER BY u.id LIMIT ?"
    ))?
    .query_map((after, limit), from_row)?
    .collect()
}

pub(super) fn change(
    db: &Connection,
    id: UserId,
    change: &UserChange,
    event: &NewEvent,
    deny_until: Timestamp,
) -> rusqlite::Result<Option<Vec<SessionId>>> {
    let Some(epoch) = update(db, id, change)? else {
        return Ok(None);
    };
    if change.moves_epoch() {
        denylist::add_epoch(db, id, epoch, deny_until)?;
    }
    events::record(db, event)?;
    if !change.ends_sessions() {
        return Ok(Some(Vec::new()));
    }
    let ending = Ending { at: event.at, reason: EndReason::Revoked, deny_until };
    sessions::end_all(db, id, None, ending).map(Some)
}

/// Writes the change and answers the claims epoch after it.
fn update(db: &Connection, id: UserId, change: &UserChange) -> rusqlite::Result<Option<Whole>> {
    let (id, moves_epoch) = (id.as_bytes(), change.moves_epoch());
    let epoch = |row: &Row<'_>| row.get(0);
    match change {
        UserChange::Disabled(disabled) => db
            .prepare_cached(
                "UPDATE users SET disabled = ?, claims_epoch = claims_epoch + ? WHERE id = ? RETURNING claims_epoch",
            )?
            .query_row((disabled, moves_epoch, id), epoch),
        UserChange::Password(password) => db
            .prepare_cached(
                "UPDATE users SET password = ?, claims_epoch = claims_epoch + ? WHERE id = ? RETURNING claims_epoch",
            )?
            .query_row((password, moves_epoch, id), epoch),
        UserChange::Roles(roles, default_role) => db
            .prepare_cached(
                "UPDATE users SET roles = ?, default_role = ?, claims_epoch = claims_epoch + ? WHERE id = ? \
                 RETURNING claims_epoch",
            )?
            .query_row((Json(roles), default_role, moves_epoch, id), epoch),
    }
    .optional()
}

pub(super) fn upgrade_password(db: &Connection, id: UserId, old: &str, new: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE users SET password = ? WHERE id = ? AND password = ?")?.execute((
        new,
        id.as_bytes(),
        old,
    ))?;
    Ok(())
}
