//! A database server: PostgreSQL, shared by any number of nodes.
//!
//! ```text
//!  rows   ──► Database::read ───┬──► Shared ──► Connection ──► │ one statement behind the other
//!             Database::touch ──┘     │                        │
//!  lists  ──► Database::list ───┐     ├─ Pause: not in vain    │ prepared once on each
//!  writes ──► Database::write ──┴──► pool ──► Connection ────► │ BEGIN · synchronous_commit · … · COMMIT
//!  outbox ◄── Follower ◄── a connection of its own ◄────────── │ LISTEN; the entries of other nodes
//! ```
//!
//! How durable a write is, is said where each write is made, in `use_cases`; the statements are in a file for
//! each subject. No statement of a login or refresh needs more than one user's rows: see OPERATING.md on shards.

mod attempts;
mod clock;
mod columns;
mod connection;
mod database;
mod denylist;
mod events;
mod fault;
mod follower;
mod meta;
mod migrate;
mod news;
mod pool;
mod service_keys;
mod sessions;
mod shared;
mod signing_keys;
mod sweep;
#[cfg(test)]
mod tests;
mod url;
mod use_cases;
mod users;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Clock, Timestamp};
use deadpool::managed::{Pool, QueueMode};
use tokio::task::JoinHandle;

pub use self::clock::DatabaseClock;
pub use self::migrate::MIGRATIONS;
pub use self::url::{Url, UrlError};

use self::columns::{At, Bytes, Columns};
use self::connection::{Connection, Way};
use self::database::Database;
use self::fault::Fault;
use self::follower::Follower;
use self::news::News;
use self::pool::Connector;
use self::shared::Shared;
use super::{Migration, StoreError};

/// One of so many connections is shared. What is left are those of transactions, each of which has one to itself.
const SHARED: usize = 4;

/// How often a node looks at the database's clock.
const CLOCK_EVERY: Duration = Duration::from_secs(2);

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
const HOLDER: &str = "SELECT uuid_send(gen_random_uuid())";

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file of authorities cannot be read.
    #[error("the authorities of the database's certificate cannot be read")]
    Authorities(#[from] io::Error),
    /// A newer release has changed the schema in a way that this one cannot work with.
    #[error(
        "the database needs a newer countersign: one that knows schema {needs}, and this one knows {knows}"
    )]
    NewerBinaryNeeded {
        /// The schema number that a binary must know.
        needs: i64,
        /// The newest schema number that this binary knows.
        knows: i64,
    },
    /// The server cannot be reached, is a standby, or a migration failed.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Unavailable(fault.into())
    }
}

/// How to use a server.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "whoever opens a database chooses each")]
pub struct Options {
    /// The most connections at once, one for the deny-list not counted; at least two.
    pub connections: u32,
    /// Whether the server passes news on (`LISTEN` and `NOTIFY`); else it is looked for.
    pub listen: bool,
}

/// The store on a database server.
pub struct PostgresStore {
    database: Database,
    news: News,
    follower: Follower,
    clock: Arc<DatabaseClock>,
    /// This machine's clock, which should not be far from the database's.
    wall: Arc<dyn Clock>,
    /// What this process is called in a lease.
    holder: [u8; 16],
    looking: JoinHandle<()>,
}

impl PostgresStore {
    /// Reaches the server and migrates the database.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(url: &Url, options: Options, wall: Arc<dyn Clock>) -> Result<Self, OpenError> {
        migrate(url).await?;
        let way = Way::new(url.clone())?;
        let connector = Connector::new(way.clone());
        let connections = options.connections as usize;
        let shared = connections.div_ceil(SHARED);
        let pool = Pool::builder(connector.clone())
            .max_size((connections - shared).max(1))
            // The one that was used last: as few processes of the server as are needed take part, and what they
            // have at hand is still there.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| StoreError(error.to_string()))?;
        let news = News::new(options.listen);
        let follower = Follower::new(way, news.of_others());
        let database = Database::new(Shared::new(connector, shared), pool, news.clone());
        let clock = Arc::new(DatabaseClock::new());
        look(&database, &clock).await?;
        let holder = database.read(|db| async move { holder(&db).await }).await?;
        let looking = tokio::spawn(keep_looking(database.clone(), Arc::clone(&clock)));
        Ok(Self { database, news, follower, clock, wall, holder, looking })
    }

    /// The database's time, by which every node judges.
    pub fn clock(&self) -> Arc<DatabaseClock> {
        Arc::clone(&self.clock)
    }

    /// Whether the database is tied to a master secret: see [`Store::secret_proof`](super::Store::secret_proof).
    ///
    /// # Errors
    /// If the database cannot answer.
    pub async fn is_tied(&self) -> Result<bool, StoreError> {
        Ok(self.database.read(|db| async move { meta::proof(&db).await }).await?.is_some())
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

/// Creates or migrates the tables and answers the number of the schema.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate(url: &Url) -> Result<i64, OpenError> {
    migrate_by(url, MIGRATIONS).await
}

/// The same by other steps: those of a version that is not there yet, to see whether this one can work beside it.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate_by(url: &Url, migrations: &[Migration]) -> Result<i64, OpenError> {
    migrate::migrate(&connect(url).await?, migrations).await
}

/// The number of the schema; 0 if the database is empty.
///
/// # Errors
/// See [`OpenError`].
pub async fn version(url: &Url) -> Result<i64, OpenError> {
    Ok(migrate::version(&connect(url).await?).await?)
}

async fn connect(url: &Url) -> Result<Connection, OpenError> {
    Ok(Box::pin(Connection::open(&Way::new(url.clone())?, None)).await?)
}

async fn holder(db: &Connection) -> Result<[u8; 16], Fault> {
    let row = db.row(HOLDER, &[]).await?;
    row.map_or(Ok([0; 16]), |row| Columns::of(&row).take::<Bytes<16>>().map(|id| id.0))
}

/// Sets our clock by the database's.
async fn look(database: &Database, clock: &DatabaseClock) -> Result<(), StoreError> {
    let looked = database.read(|db| async move {
        db.prepared(NOW).await?;
        let before = clock.elapsed();
        let row = db.row(NOW, &[]).await?;
        let after = clock.elapsed();
        let now =
            row.map_or(Ok(Timestamp::from_millis(0)), |row| Columns::of(&row).take::<At>().map(|at| at.0))?;
        Ok((before, now, after))
    });
    let (before, now, after) = looked.await?;
    clock.set(before, now, after);
    Ok(())
}

async fn keep_looking(database: Database, clock: Arc<DatabaseClock>) {
    let mut every = tokio::time::interval(CLOCK_EVERY);
    loop {
        every.tick().await;
        // That the database is not reached is said by the pool; until it is, the clock goes on by itself.
        let _ = look(&database, &clock).await;
    }
}
