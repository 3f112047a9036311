//! Signing keys and the steps of their rotation.

use std::collections::HashMap;

use countersign_core::Timestamp;
use tokio_postgres::Row;
use zeroize::Zeroizing;

use super::columns::{At, Columns, Word};
use super::database::Db;
use super::fault::Fault;
use super::{denylist, meta};
use crate::store::records::fits;
use crate::store::{KeyMove, KeyState, SigningKeyRow};

pub(super) const LIST: &str = "SELECT kid, algorithm, state, sealed, announced_at, active_at, retiring_at \
     FROM signing_keys ORDER BY announced_at, active_at NULLS LAST, kid";

pub(super) const STATES: &str = "SELECT kid, algorithm, state FROM signing_keys";

pub(super) const ADD: &str = "INSERT INTO signing_keys \
     (kid, algorithm, state, sealed, announced_at, active_at, retiring_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";

pub(super) const ANNOUNCE: &str = "UPDATE signing_keys SET state = $1, announced_at = $2 WHERE kid = $3";

pub(super) const ACTIVATE: &str = "UPDATE signing_keys SET state = $1, active_at = $2 WHERE kid = $3";

pub(super) const RETIRE: &str = "UPDATE signing_keys SET state = $1, retiring_at = $2 WHERE kid = $3";

// `retiring_at` is set for a key that was withdrawn before it retired.
pub(super) const WIPE: &str = "UPDATE signing_keys SET state = $1, retiring_at = coalesce(retiring_at, $2), \
     sealed = '' WHERE kid = $3";

/// Oldest first.
pub(super) async fn list(db: &Db) -> Result<Vec<SigningKeyRow>, Fault> {
    db.rows(LIST, &[]).await?.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<SigningKeyRow, Fault> {
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
pub(super) async fn rotate(
    db: &Db,
    add: &[SigningKeyRow],
    moves: &[KeyMove],
    now: Timestamp,
) -> Result<bool, Fault> {
    // What it is judged by must stay as it is, keys that are not there yet included.
    meta::take_turn(db, "rotation").await?;
    let mut states = HashMap::new();
    for row in db.rows(STATES, &[]).await? {
        let mut columns = Columns::of(&row);
        let kid = columns.take()?;
        states.insert(kid, (columns.take::<Word<_>>()?.0, columns.take::<Word<_>>()?.0));
    }
    if !fits(states, add, moves) {
        return Ok(false);
    }
    db.note_news();
    for key in add {
        insert(db, key).await?;
    }
    for KeyMove { kid, to, .. } in moves {
        let sql = match to {
            KeyState::Announced => ANNOUNCE,
            KeyState::Active => ACTIVATE,
            KeyState::Retiring => RETIRE,
            KeyState::Gone => WIPE,
        };
        db.execute(sql, &[&Word(*to), &At(now), kid]).await?;
    }
    Ok(true)
}

/// The same, with a deny-list entry for the key of the first move.
pub(super) async fn withdraw(
    db: &Db,
    withdrawn: &KeyMove,
    add: &[SigningKeyRow],
    moves: &[KeyMove],
    now: Timestamp,
    deny_until: Timestamp,
) -> Result<bool, Fault> {
    let moves = [std::slice::from_ref(withdrawn), moves].concat();
    let fits = rotate(db, add, &moves, now).await?;
    if fits {
        denylist::add_key(db, &withdrawn.kid, deny_until).await?;
    }
    Ok(fits)
}

async fn insert(db: &Db, key: &SigningKeyRow) -> Result<(), Fault> {
    let (announced_at, active_at, retiring_at) =
        (At(key.announced_at), key.active_at.map(At), key.retiring_at.map(At));
    let sealed = key.sealed.as_slice();
    db.execute(
        ADD,
        &[&key.kid, &Word(key.algorithm), &Word(key.state), &sealed, &announced_at, &active_at, &retiring_at],
    )
    .await?;
    Ok(())
}
