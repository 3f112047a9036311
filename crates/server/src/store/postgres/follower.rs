//! Following the outbox: what was committed since the last look, in whatever order it was.
//!
//! ```text
//! look 1 ── snapshot A ── everything that A sees
//! look 2 ── snapshot B ── everything that B sees and A did not, though its number be smaller
//! ```
//!
//! Transactions do not commit in the order of their numbers: whoever asks for "greater than the last" misses those
//! that were slower. So a place in the outbox is a snapshot, as PostgreSQL writes it: which transactions were over.
//! Nothing is hidden by one that hangs, and nothing is told twice.
//!
//! After a crash or a fail-over numbers of transactions that were lost are used again, and an old snapshot would
//! hide new entries. So a place holds for one connection only, which does not survive either; after it everything
//! is told once more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_core::{SessionId, UserId};
use tokio::sync::{Mutex, watch};
use tokio_postgres::Row;

use super::columns::{At, Columns, Whole};
use super::connection::{Connection, Way};
use super::database::in_time;
use super::fault::Fault;
use crate::store::{Denied, StoreError};

pub(super) const NOW: &str = "SELECT pg_current_snapshot()::text";

// `d.`, as `ORDER BY xid` alone would mean the text of the answer.
pub(super) const PAGE: &str = "SELECT d.xid::text, d.seq, d.kind, d.id, d.epoch, d.not_after FROM denylist d \
     WHERE (d.xid, d.seq) > ($1::text::xid8, $2) AND NOT pg_visible_in_snapshot(d.xid, $3::text::pg_snapshot) \
     AND pg_visible_in_snapshot(d.xid, $4::text::pg_snapshot) ORDER BY d.xid, d.seq LIMIT $5";

pub(super) const LISTEN: &str = "LISTEN countersign_denylist";

/// The snapshot that sees nothing.
const BEGINNING: &str = "1:1:";

/// How many places are remembered. One follower needs two.
const PLACES: usize = 64;

pub(super) struct Follower {
    way: Way,
    /// Told of notifications, if there are any.
    told: Option<watch::Sender<u64>>,
    at: Mutex<Option<Following>>,
    next: AtomicU64,
}

struct Following {
    db: Connection,
    /// By the number that was handed out for each.
    places: VecDeque<(u64, Place)>,
}

#[derive(Clone)]
struct Place {
    /// Everything that this snapshot sees was told.
    known: String,
    /// And of what this one sees, everything up to this transaction and entry.
    reading: Option<(String, String, i64)>,
}

impl Follower {
    pub(super) fn new(way: Way, told: Option<watch::Sender<u64>>) -> Self {
        Self { way, told, at: Mutex::default(), next: AtomicU64::new(1) }
    }

    /// What was committed since the place of this number, at most `limit` entries.
    pub(super) async fn after(&self, number: u64, limit: u32) -> Result<Denied, StoreError> {
        in_time(async {
            let mut at = self.at.lock().await;
            // Taken out, so that what goes wrong, and whoever goes away, takes the connection and its places along.
            if let Some(mut following) = at.take()
                && !following.db.is_closed()
            {
                match following.after(number, limit, &self.next).await.map_err(Fault::unbegun) {
                    Ok(denied) => {
                        *at = Some(following);
                        return Ok(denied);
                    }
                    // As after a restart of the server, which another connection may reach.
                    Err(Fault::Unbegun(_)) => {}
                    Err(fault) => return Err(fault),
                }
            }
            let mut following = Box::pin(self.follow()).await?;
            let denied = following.after(number, limit, &self.next).await?;
            *at = Some(following);
            Ok(denied)
        })
        .await
    }

    #[cfg(test)]
    pub(super) async fn cut(&self) {
        if let Some(following) = &*self.at.lock().await {
            following.db.cut();
        }
    }

    async fn follow(&self) -> Result<Following, Fault> {
        let db = Connection::open(&self.way, self.told.clone()).await?;
        if self.told.is_some() {
            db.batch(LISTEN).await?;
        }
        Ok(Following { db, places: VecDeque::new() })
    }
}

impl Following {
    async fn after(&mut self, number: u64, limit: u32, next: &AtomicU64) -> Result<Denied, Fault> {
        let known = self.places.iter().find(|(known, _)| *known == number);
        let mut place = known.map_or_else(Place::beginning, |(_, place)| place.clone());
        loop {
            let (until, xid, seq) = match place.reading.clone() {
                Some(reading) => reading,
                None => (self.now().await?, place.oldest().to_owned(), 0),
            };
            let rows = self.db.rows(PAGE, &[&xid, &seq, &place.known, &until, &i64::from(limit)]).await?;
            let nothing_new = rows.is_empty() && place.reading.is_none();
            let mut denied = Denied { last: number, ..Denied::default() };
            let mut last = None;
            for row in &rows {
                last = Some(take(row, &mut denied)?);
            }
            place = match last {
                Some((xid, seq)) if rows.len() >= limit as usize => {
                    Place { reading: Some((until, xid, seq)), ..place }
                }
                _ => Place { known: until, reading: None },
            };
            if nothing_new {
                self.remember(number, place);
                return Ok(denied);
            }
            if !rows.is_empty() {
                denied.last = next.fetch_add(1, Ordering::Relaxed);
                self.remember(denied.last, place);
                return Ok(denied);
            }
        }
    }

    async fn now(&self) -> Result<String, Fault> {
        let row = self.db.row(NOW, &[]).await?;
        row.map_or_else(|| Err(Fault::Row("no snapshot".to_owned())), |row| Columns::of(&row).take())
    }

    /// Zero is always the beginning.
    fn remember(&mut self, number: u64, place: Place) {
        self.places.retain(|(known, _)| *known != number);
        if number != 0 {
            self.places.push_back((number, place));
        }
        while self.places.len() > PLACES {
            self.places.pop_front();
        }
    }
}

impl Place {
    fn beginning() -> Self {
        Self { known: BEGINNING.to_owned(), reading: None }
    }

    /// The oldest transaction that was not over: a snapshot's text begins with it.
    fn oldest(&self) -> &str {
        self.known.split(':').next().unwrap_or("0")
    }
}

/// Reads an entry; answers its transaction and number.
fn take(row: &Row, denied: &mut Denied) -> Result<(String, i64), Fault> {
    let mut columns = Columns::of(row);
    let at = (columns.take()?, columns.take()?);
    let (kind, id) = (columns.take::<&str>()?, columns.take::<&[u8]>()?);
    let (epoch, not_after) = (columns.take::<Option<Whole>>()?, columns.take::<At>()?.0);
    let sixteen = || id.try_into().map_err(|_| Fault::Row("an id that has not 16 bytes".to_owned()));
    match kind {
        "session" => denied.batch.sessions.push((SessionId::from_bytes(sixteen()?), not_after)),
        "epoch" => {
            let epoch = epoch.map_or(0, |epoch| epoch.0);
            denied.batch.epochs.push((UserId::from_bytes(sixteen()?), epoch, not_after));
        }
        "key" => denied.batch.keys.push((String::from_utf8_lossy(id).into_owned(), not_after)),
        // A newer release may know more kinds, and has verifiers that do.
        other => tracing::warn!(kind = other, "a deny-list entry of a kind that this release does not know"),
    }
    Ok(at)
}
