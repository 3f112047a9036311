//! Users and their names.

use countersign_core::code::EndReason;
use countersign_core::{SessionId, Timestamp, UserId};
use tokio_postgres::Row;

use super::columns::{At, Bytes, Columns, Json, Whole};
use super::database::Db;
use super::fault::Fault;
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

pub(super) const BY_ID: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");

// Two statements, as a name and its user may live on two shards.
pub(super) const OWNER: &str = "SELECT user_id FROM user_names WHERE name_key = $1";

pub(super) const LIST: &str =
    concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2");

pub(super) const TAKEN: &str = "SELECT 1 FROM user_names WHERE name_key = ANY($1)";

pub(super) const CLAIM: &str =
    "INSERT INTO user_names (name_key, user_id) VALUES ($1, $2) ON CONFLICT (name_key) DO NOTHING";

pub(super) const CREATE: &str = "INSERT INTO users (id, email, username, password, roles, default_role, claims, \
     claims_epoch, disabled, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

pub(super) const DISABLE: &str = "UPDATE users SET disabled = $1, claims_epoch = claims_epoch + $2 WHERE id = $3 \
     RETURNING claims_epoch";

pub(super) const SET_PASSWORD: &str = "UPDATE users SET password = $1, claims_epoch = claims_epoch + $2 \
     WHERE id = $3 RETURNING claims_epoch";

pub(super) const SET_ROLES: &str = "UPDATE users SET roles = $1, default_role = $2, \
     claims_epoch = claims_epoch + $3 WHERE id = $4 RETURNING claims_epoch";

pub(super) const UPGRADE_PASSWORD: &str = "UPDATE users SET password = $1 WHERE id = $2 AND password = $3";

pub(super) const REWRITE: &str = "UPDATE users SET disabled = disabled WHERE id = $1";

pub(super) fn from_columns(columns: &mut Columns<'_>) -> Result<User, Fault> {
    Ok(User {
        id: UserId::from_bytes(columns.take::<Bytes<16>>()?.0),
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

fn from_row(row: &Row) -> Result<User, Fault> {
    from_columns(&mut Columns::of(row))
}

pub(super) async fn create(
    db: &Db,
    user: &User,
    names: &[NameKey],
    event: &NewEvent,
) -> Result<Created, Fault> {
    // In one order, so that two who want the same names wait for each other and do not lock each other out.
    let mut names: Vec<_> = names.iter().map(NameKey::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if !db.rows(TAKEN, &[&names]).await?.is_empty() {
        return Ok(Created::NameTaken);
    }
    let id = Bytes(*user.id.as_bytes());
    for name in names {
        if db.execute(CLAIM, &[&name, &id]).await? == 0 {
            return Err(Fault::Overtaken);
        }
    }
    db.execute(
        CREATE,
        &[
            &id,
            &user.email,
            &user.username,
            &user.password,
            &Json(&user.roles),
            &user.default_role,
            &Json(&user.claims),
            &Whole(user.claims_epoch),
            &user.disabled,
            &At(user.created_at),
        ],
    )
    .await?;
    events::record(db, event).await?;
    Ok(Created::Done)
}

pub(super) async fn by_id(db: &Db, id: UserId) -> Result<Option<User>, Fault> {
    db.row(BY_ID, &[&Bytes(*id.as_bytes())]).await?.as_ref().map(from_row).transpose()
}

pub(super) async fn by_name(db: &Db, name: &NameKey) -> Result<Option<User>, Fault> {
    match owner(db, OWNER, &name.as_str()).await? {
        Some(id) => by_id(db, id).await,
        None => Ok(None),
    }
}

/// Whose this name or fingerprint is.
pub(super) async fn owner(
    db: &Db,
    sql: &'static str,
    of: &(dyn tokio_postgres::types::ToSql + Sync),
) -> Result<Option<UserId>, Fault> {
    let row = db.row(sql, &[of]).await?;
    row.map(|row| Columns::of(&row).take::<Bytes<16>>().map(|id| UserId::from_bytes(id.0))).transpose()
}

pub(super) async fn list(db: &Db, after: Option<UserId>, limit: u32) -> Result<Vec<User>, Fault> {
    // Every id comes after the empty one.
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    db.rows(LIST, &[&after, &i64::from(limit)]).await?.iter().map(from_row).collect()
}

pub(super) async fn change(
    db: &Db,
    id: UserId,
    change: &UserChange,
    event: &NewEvent,
    deny_until: Timestamp,
) -> Result<Option<Vec<SessionId>>, Fault> {
    let Some(epoch) = update(db, id, change).await? else {
        return Ok(None);
    };
    if change.moves_epoch() {
        denylist::add_epoch(db, id, epoch, deny_until).await?;
    }
    events::record(db, event).await?;
    if !change.ends_sessions() {
        return Ok(Some(Vec::new()));
    }
    let ending = Ending { at: event.at, reason: EndReason::Revoked, deny_until };
    sessions::end_all(db, id, None, ending).await.map(Some)
}

/// Writes the change and answers the claims epoch after it.
async fn update(db: &Db, id: UserId, change: &UserChange) -> Result<Option<Whole>, Fault> {
    let (id, moved) = (Bytes(*id.as_bytes()), i64::from(change.moves_epoch()));
    let row = match change {
        UserChange::Disabled(disabled) => db.row(DISABLE, &[disabled, &moved, &id]).await?,
        UserChange::Password(password) => db.row(SET_PASSWORD, &[password, &moved, &id]).await?,
        UserChange::Roles(roles, default_role) => {
            db.row(SET_ROLES, &[&Json(roles), default_role, &moved, &id]).await?
        }
    };
    row.map(|row| Columns::of(&row).take()).transpose()
}

pub(super) async fn upgrade_password(db: &Db, id: UserId, old: &str, new: &str) -> Result<(), Fault> {
    db.execute(UPGRADE_PASSWORD, &[&new, &Bytes(*id.as_bytes()), &old]).await?;
    Ok(())
}

/// Writes the user's row as it is: a commit that has written nothing does not wait for the disk, nor for what
/// others wrote before it.
pub(super) async fn rewrite(db: &Db, id: UserId) -> Result<(), Fault> {
    db.execute(REWRITE, &[&Bytes(*id.as_bytes())]).await?;
    Ok(())
}
