//! Service keys, found by their hash.

use countersign_core::{ServiceKeyId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{At, Columns, Json};
use crate::store::{ServiceKey, ServiceKeyHash};

pub(super) fn create(db: &Connection, key: &ServiceKey, hash: &ServiceKeyHash) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO service_keys (hash, id, name, scopes, created_at) VALUES (?, ?, ?, ?, ?)",
    )?
    .execute((hash.0, key.id.as_bytes(), &key.name, Json(&key.scopes), At(key.created_at)))?;
    Ok(())
}

pub(super) fn by_hash(db: &Connection, hash: &ServiceKeyHash) -> rusqlite::Result<Option<ServiceKey>> {
    db.prepare_cached(
        "SELECT id, name, scopes, created_at FROM service_keys WHERE hash = ? AND revoked_at IS NULL",
    )?
    .query_row([hash.0], from_row)
    .optional()
}

/// Oldest first.
pub(super) fn list(db: &Connection) -> rusqlite::Result<Vec<ServiceKey>> {
    db.prepare_cached(
        "SELECT id, name, scopes, created_at FROM service_keys WHERE revoked_at IS NULL ORDER BY created_at, id",
    )?
    .query_map([], from_row)?
    .collect()
}

/// False if no living key has this id.
pub(super) fn revoke(db: &Connection, id: ServiceKeyId, at: Timestamp) -> rusqlite::Result<bool> {
    let revoked = db
        .prepare_cached("UPDATE service_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")?
        .execute((At(at), id.as_bytes()))?;
    Ok(revoked > 0)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ServiceKey> {
    let mut columns = Columns::of(row);
    Ok(ServiceKey {
        id: ServiceKeyId::from_bytes(columns.take()?),
        name: columns.take()?,
        scopes: columns.take::<Json<_>>()?.0,
        created_at: columns.take::<At>()?.0,
    })
}
