//! Signing keys and the steps of their rotation.

use std::collections::HashMap;

use countersign_core::Timestamp;
use countersign_core::token::Algorithm;
use rusqlite::{Connection, Row};
use zeroize::Zeroizing;

use super::columns::{At, Columns, Word};
use super::denylist;
use crate::store::records::fits;
use crate::store::{KeyMove, KeyState, SigningKeyRow};

/// Oldest first.
pub(super) fn list(db: &Connection) -> rusqlite::Result<Vec<SigningKeyRow>> {
    db.prepare_cached(
        "SELECT kid, algorithm, state, sealed, announced_at, active_at, retiring_at FROM signing_keys \
         ORDER BY announced_at, active_at IS NULL, active_at, kid",
    )?
    .query_map([], from_row)?
    .collect()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<SigningKeyRow> {
    let mut columns = Columns::of(row);
    Ok(SigningKeyRow {
        kid: columns.take()?,
        algorithm: columns.take::<Word<_>>()?.0,
        state: columns.take::<Word<_>>()?.0,
        sealed: Zeroizing::new(columns.take()?),
        announced_at: columns.take::<At>()?.0,
        active_at: columns.take::<Option<At>>()?.map(|at| at.0),
        retiring_at: columns.take::<Option<At>>()?.map(|at| at.0),
    })
}

/// False, and nothing written, unless the step fits the keys as they are.
pub(super) fn rotate(
    db: &Connection,
    add: &[SigningKeyRow],
    moves: &[KeyMove],
    now: Timestamp,
) -> rusqlite::Result<bool> {
    if !fits(states(db)?, add, moves) {
        return Ok(false);
    }
    for key in add {
        insert(db, key)?;
    }
    for KeyMove { kid, to, .. } in moves {
        enter(db, kid, *to, now)?;
    }
    Ok(true)
}

/// The same, with a deny-list entry for the key of the first move.
pub(super) fn withdraw(
    db: &Connection,
    withdrawn: &KeyMove,
    add: &[SigningKeyRow],
    mut moves: Vec<KeyMove>,
    now: Timestamp,
    deny_until: Timestamp,
) -> rusqlite::Result<bool> {
    moves.insert(0, withdrawn.clone());
    let fits = rotate(db, add, &moves, now)?;
    if fits {
        denylist::add_key(db, &withdrawn.kid, deny_until)?;
    }
    Ok(fits)
}

fn states(db: &Connection) -> rusqlite::Result<HashMap<String, (Algorithm, KeyState)>> {
    db.prepare_cached("SELECT kid, algorithm, state FROM signing_keys")?
        .query_map([], |row| {
            let mut columns = Columns::of(row);
            let kid = columns.take()?;
            Ok((kid, (columns.take::<Word<_>>()?.0, columns.take::<Word<_>>()?.0)))
        })?
        .collect()
}

fn insert(db: &Connection, key: &SigningKeyRow) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO signing_keys (kid, algorithm, state, sealed, announced_at, active_at, retiring_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute((
        &key.kid,
        Word(key.algorithm),
        Word(key.state),
        key.sealed.as_slice(),
        At(key.announced_at),
        key.active_at.map(At),
        key.retiring_at.map(At),
    ))?;
    Ok(())
}

fn enter(db: &Connection, kid: &str, state: KeyState, now: Timestamp) -> rusqlite::Result<()> {
    let sql = match state {
        KeyState::Announced => "UPDATE signing_keys SET state = ?1, announced_at = ?2 WHERE kid = ?3",
        KeyState::Active => "UPDATE signing_keys SET state = ?1, active_at = ?2 WHERE kid = ?3",
        KeyState::Retiring => "UPDATE signing_keys SET state = ?1, retiring_at = ?2 WHERE kid = ?3",
        // `retiring_at` is set for a key that was withdrawn before it retired.
        KeyState::Gone => {
            "UPDATE signing_keys SET state = ?1, retiring_at = coalesce(retiring_at, ?2), sealed = x'' WHERE kid = ?3"
        }
    };
    db.prepare_cached(sql)?.execute((Word(state), At(now), kid))?;
    Ok(())
}
