//! Users and their names.

use countersign_core::{Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::events;
use super::sessions::{self, Ending};
use crate::store::{NameKey, NewEvent, User, UserChange};

/// The columns that [`user`] reads, in its order.
pub(super) const COLUMNS: &str = "u.user_id, u.email, u.username, u.password, u.roles, u.default_role, u.claims, \
     u.claims_epoch, u.disabled, u.created_at";

pub(super) fn insert(
    db: &Connection,
    user: &User,
    names: &[NameKey],
    event: &NewEvent,
) -> rusqlite::Result<()> {
    for name in names {
        db.prepare_cached("INSERT INTO user_names (name_key, user_id) VALUES (?1, ?2)")?
            .execute((name.as_str(), user.id.as_bytes()))?;
    }
    db.prepare_cached(
        "INSERT INTO users (user_id, email, username, password, roles, default_role, claims, claims_epoch, disabled,
             created_at)
         VALUES (:id, :email, :username, :password, :roles, :default_role, :claims, :epoch, :disabled, :created_at)",
    )?
    .execute(named_params! {
        ":id": user.id.as_bytes(),
        ":email": user.email,
        ":username": user.username,
        ":password": user.password,
        ":roles": json(&user.roles),
        ":default_role": user.default_role,
        ":claims": json(&user.claims),
        ":epoch": user.claims_epoch,
        ":disabled": user.disabled,
        ":created_at": user.created_at.as_millis(),
    })?;
    events::insert(db, event)
}

pub(super) fn by_id(db: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM users u WHERE u.user_id = ?1"))?
        .query_row([id.as_bytes()], |row| user(row, 0))
        .optional()
}

pub(super) fn by_name(db: &Connection, name: &NameKey) -> rusqlite::Result<Option<User>> {
    db.prepare_cached("SELECT user_id FROM user_names WHERE name_key = ?1")?
        .query_row([name.as_str()], |row| row.get(0).map(UserId::from_bytes))
        .optional()?
        .map_or(Ok(None), |id| by_id(db, id))
}

pub(super) fn page(db: &Connection, after: Option<UserId>, limit: u32) -> rusqlite::Result<Vec<User>> {
    let after = after.as_ref().map_or([].as_slice(), |id| id.as_bytes().as_slice());
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM users u WHERE u.user_id > ?1 ORDER BY u.user_id LIMIT ?2"
    ))?
    .query_map((after, limit), |row| user(row, 0))?
    .collect()
}

/// Answers the sessions that ended, or `None` if there is no such user.
pub(super) fn change(
    db: &Connection,
    id: UserId,
    change: &UserChange,
    ending: &Ending,
) -> rusqlite::Result<Option<Vec<countersign_core::SessionId>>> {
    let key = id.as_bytes();
    let changed = match change {
        UserChange::Disabled(disabled) => db
            .prepare_cached("UPDATE users SET disabled = ?2, claims_epoch = claims_epoch + 1 WHERE user_id = ?1")?
            .execute((key, disabled))?,
        UserChange::Password(hash) => db
            .prepare_cached("UPDATE users SET password = ?2, claims_epoch = claims_epoch + 1 WHERE user_id = ?1")?
            .execute((key, hash))?,
        UserChange::Roles(roles, default) => db
            .prepare_cached(
                "UPDATE users SET roles = ?2, default_role = ?3, claims_epoch = claims_epoch + 1 WHERE user_id = ?1",
            )?
            .execute((key, json(roles), default))?,
    };
    if changed == 0 {
        return Ok(None);
    }
    db.prepare_cached(
        "INSERT INTO denylist (kind, id, epoch, not_after)
         SELECT 'epoch', user_id, claims_epoch, ?2 FROM users WHERE user_id = ?1",
    )?
    .execute((key, ending.deny_until.as_millis()))?;
    events::insert(db, &ending.event)?;
    match change {
        UserChange::Disabled(true) | UserChange::Password(_) => {
            sessions::end_all(db, id, None, ending).map(Some)
        }
        UserChange::Disabled(false) | UserChange::Roles(..) => Ok(Some(Vec::new())),
    }
}

pub(super) fn upgrade_password(db: &Connection, id: UserId, old: &str, new: &str) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE users SET password = ?3 WHERE user_id = ?1 AND password = ?2")?
        .execute((id.as_bytes(), old, new))
        .map(drop)
}

/// Reads [`COLUMNS`] from the column `at` on.
pub(super) fn user(row: &Row<'_>, at: usize) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId::from_bytes(row.get(at)?),
        email: row.get(at + 1)?,
        username: row.get(at + 2)?,
        password: row.get(at + 3)?,
        roles: from_json(row, at + 4)?,
        default_role: row.get(at + 5)?,
        claims: from_json(row, at + 6)?,
        claims_epoch: row.get(at + 7)?,
        disabled: row.get(at + 8)?,
        created_at: Timestamp::from_millis(row.get(at + 9)?),
    })
}

pub(super) fn json(value: &impl serde::Serialize) -> String {
    // Strings in lists and maps: there is nothing that could fail.
    serde_json::to_string(value).unwrap_or_default()
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    serde_json::from_str(&text).map_err(|error| damaged(at, error))
}

/// A value that this program did not write.
pub(super) fn damaged(
    at: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error.into())
}
