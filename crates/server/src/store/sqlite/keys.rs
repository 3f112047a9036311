//! Signing keys and service keys.

use countersign_core::token::Algorithm;
use countersign_core::{ServiceKeyId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};
use zeroize::Zeroizing;

use super::users::{damaged, from_json, json};
use crate::store::{KeyMove, KeyState, ServiceKey, ServiceKeyHash, SigningKeyRow};

pub(super) fn signing(db: &Connection) -> rusqlite::Result<Vec<SigningKeyRow>> {
    db.prepare_cached(
        "SELECT kid, algorithm, state, sealed, announced_at, active_at, retiring_at FROM signing_keys
         ORDER BY announced_at, active_at NULLS LAST, kid",
    )?
    .query_map([], |row| {
        let algorithm: String = row.get(1)?;
        let state: String = row.get(2)?;
        let time = |at| row.get::<_, Option<u64>>(at).map(|millis| millis.map(Timestamp::from_millis));
        Ok(SigningKeyRow {
            kid: row.get(0)?,
            algorithm: algorithm.parse::<Algorithm>().map_err(|error| damaged(1, error))?,
            state: KeyState::from_name(&state).ok_or_else(|| damaged(2, "state"))?,
            sealed: Zeroizing::new(row.get(3)?),
            announced_at: Timestamp::from_millis(row.get(4)?),
            active_at: time(5)?,
            retiring_at: time(6)?,
        })
    })?
    .collect()
}

/// One step of rotation. False, with nothing to undo, if a key is no longer in the state it is moved from; the
/// schema refuses a second active key, or a second in reserve.
pub(super) fn rotate(
    db: &Connection,
    add: &[SigningKeyRow],
    moves: &[KeyMove],
    now: Timestamp,
) -> rusqlite::Result<bool> {
    for KeyMove { kid, from, .. } in moves {
        let found = db
            .prepare_cached("SELECT 1 FROM signing_keys WHERE kid = ?1 AND state = ?2")?
            .exists((kid, from.name()))?;
        if !found {
            return Ok(false);
        }
    }
    for KeyMove { kid, to, .. } in moves {
        let (active, retiring, gone) =
            (*to == KeyState::Active, *to == KeyState::Retiring, *to == KeyState::Gone);
        db.prepare_cached(
            "UPDATE signing_keys SET state = ?2,
                 active_at = CASE WHEN ?3 THEN ?6 ELSE active_at END,
                 retiring_at = CASE WHEN ?4 THEN ?6 ELSE retiring_at END,
                 sealed = CASE WHEN ?5 THEN x'' ELSE sealed END
             WHERE kid = ?1",
        )?
        .execute((kid, to.name(), active, retiring, gone, now.as_millis()))?;
    }
    for key in add {
        db.prepare_cached(
            "INSERT INTO signing_keys (kid, algorithm, state, sealed, announced_at, active_at, retiring_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            &key.kid,
            key.algorithm.name(),
            key.state.name(),
            key.sealed.as_slice(),
            key.announced_at.as_millis(),
            key.active_at.map(Timestamp::as_millis),
            key.retiring_at.map(Timestamp::as_millis),
        ))?;
    }
    Ok(true)
}

pub(super) fn insert_service(
    db: &Connection,
    key: &ServiceKey,
    hash: &ServiceKeyHash,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO service_keys (hash, service_key_id, name, scopes, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((hash.0, key.id.as_bytes(), &key.name, json(&key.scopes), key.created_at.as_millis()))
    .map(drop)
}

pub(super) fn service(db: &Connection, hash: &ServiceKeyHash) -> rusqlite::Result<Option<ServiceKey>> {
    db.prepare_cached(
        "SELECT service_key_id, name, scopes, created_at FROM service_keys WHERE hash = ?1 AND revoked_at IS NULL",
    )?
    .query_row([hash.0], service_key)
    .optional()
}

pub(super) fn services(db: &Connection) -> rusqlite::Result<Vec<ServiceKey>> {
    db.prepare_cached(
        "SELECT service_key_id, name, scopes, created_at FROM service_keys WHERE revoked_at IS NULL
         ORDER BY service_key_id",
    )?
    .query_map([], service_key)?
    .collect()
}

pub(super) fn revoke_service(db: &Connection, id: ServiceKeyId, at: Timestamp) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "UPDATE service_keys SET revoked_at = ?2 WHERE service_key_id = ?1 AND revoked_at IS NULL",
    )?
    .execute((id.as_bytes(), at.as_millis()))
    .map(|changed| changed > 0)
}

fn service_key(row: &Row<'_>) -> rusqlite::Result<ServiceKey> {
    Ok(ServiceKey {
        id: ServiceKeyId::from_bytes(row.get(0)?),
        name: row.get(1)?,
        scopes: from_json(row, 2)?,
        created_at: Timestamp::from_millis(row.get(3)?),
    })
}
