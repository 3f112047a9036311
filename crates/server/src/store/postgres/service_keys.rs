//! Service keys, found by their hash.

use countersign_core::{ServiceKeyId, Timestamp};
use tokio_postgres::Row;

use super::columns::{At, Bytes, Columns, Json};
use super::database::Db;
use super::fault::Fault;
use crate::store::{ServiceKey, ServiceKeyHash};

pub(super) const CREATE: &str =
    "INSERT INTO service_keys (hash, id, name, scopes, created_at) VALUES ($1, $2, $3, $4, $5)";

pub(super) const BY_HASH: &str =
    "SELECT id, name, scopes, created_at FROM service_keys WHERE hash = $1 AND revoked_at IS NULL";

pub(super) const LIST: &str =
    "SELECT id, name, scopes, created_at FROM service_keys WHERE revoked_at IS NULL ORDER BY created_at, id";

pub(super) const REVOKE: &str =
    "UPDATE service_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";

pub(super) async fn create(db: &Db, key: &ServiceKey, hash: &ServiceKeyHash) -> Result<(), Fault> {
    let (hash, id) = (Bytes(hash.0), Bytes(*key.id.as_bytes()));
    db.execute(CREATE, &[&hash, &id, &key.name, &Json(&key.scopes), &At(key.created_at)]).await?;
    Ok(())
}

pub(super) async fn by_hash(db: &Db, hash: &ServiceKeyHash) -> Result<Option<ServiceKey>, Fault> {
    db.row(BY_HASH, &[&Bytes(hash.0)]).await?.as_ref().map(from_row).transpose()
}

/// Oldest first.
pub(super) async fn list(db: &Db) -> Result<Vec<ServiceKey>, Fault> {
    db.rows(LIST, &[]).await?.iter().map(from_row).collect()
}

/// False if no living key has this id.
pub(super) async fn revoke(db: &Db, id: ServiceKeyId, at: Timestamp) -> Result<bool, Fault> {
    Ok(db.execute(REVOKE, &[&At(at), &Bytes(*id.as_bytes())]).await? > 0)
}

fn from_row(row: &Row) -> Result<ServiceKey, Fault> {
    let mut columns = Columns::of(row);
    Ok(ServiceKey {
        id: ServiceKeyId::from_bytes(columns.take::<Bytes<16>>()?.0),
        name: columns.take()?,
        scopes: columns.take::<Json<_>>()?.0,
        created_at: columns.take::<At>()?.0,
    })
}
