//! What the database knows about itself, and the leases of work that one node at a time does.

use std::time::Duration;

use countersign_core::Timestamp;

use super::columns::{At, Bytes, Columns};
use super::database::Db;
use super::fault::Fault;

pub(super) const KEEP_PROOF: &str =
    "INSERT INTO meta (key, bytes) VALUES ('secret_proof', $1) ON CONFLICT (key) DO NOTHING";

pub(super) const PROOF: &str = "SELECT bytes FROM meta WHERE key = 'secret_proof'";

/// Counts: a write of the same value would not prove more, but would look as if it did.
pub(super) const PROBE: &str = "INSERT INTO meta (key, number) VALUES ('probes', 1) \
     ON CONFLICT (key) DO UPDATE SET number = meta.number + 1";

pub(super) const TAKE_TURN: &str =
    "INSERT INTO meta (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET number = meta.number";

pub(super) const LEASE: &str = "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3) \
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
     WHERE leases.holder = excluded.holder OR leases.until < $4";

/// Stores the proof unless one is there, and answers the one that is there.
pub(super) async fn secret_proof(db: &Db, proof: [u8; 32]) -> Result<[u8; 32], Fault> {
    db.execute(KEEP_PROOF, &[&Bytes(proof)]).await?;
    self::proof(db).await?.ok_or_else(|| Fault::Row("the proof of the master secret is gone".to_owned()))
}

/// The proof that is there.
pub(super) async fn proof(db: &Db) -> Result<Option<[u8; 32]>, Fault> {
    db.row(PROOF, &[])
        .await?
        .map(|row| Columns::of(&row).take::<Bytes<32>>().map(|proof| proof.0))
        .transpose()
}

/// Writes something.
pub(super) async fn probe(db: &Db) -> Result<(), Fault> {
    db.execute(PROBE, &[]).await?;
    Ok(())
}

/// Waits for its turn: until this transaction ends, whoever else wants a turn at `what` waits.
pub(super) async fn take_turn(db: &Db, what: &str) -> Result<(), Fault> {
    db.execute(TAKE_TURN, &[&what]).await?;
    Ok(())
}

/// Whether `holder` may do `what` from now on for the time of `lease`: nobody else may then.
pub(super) async fn lease(
    db: &Db,
    what: &str,
    holder: [u8; 16],
    now: Timestamp,
    lease: Duration,
) -> Result<bool, Fault> {
    let until = At(now.plus(lease));
    Ok(db.execute(LEASE, &[&what, &Bytes(holder), &until, &At(now)]).await? == 1)
}
