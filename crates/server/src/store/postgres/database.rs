//! Reads and writes: a connection from the pool, a transaction, a deadline, another try.
//!
//! ```text
//! read  ──► connection ──► statement ──────────────────────────────────────────────────► answer
//! touch ──► connection ──► one statement, relaxed ─────────────────────────────────────► answer
//! write ──► connection ──► BEGIN · SET LOCAL synchronous_commit · statements · COMMIT ──► answer
//!            └─ all within DEADLINE; else the connection is cut, and the answer is that there is none
//! ```
//!
//! A connection begins with `synchronous_commit = off`: three statements around the one that confirms a refresh took
//! as long as that one. What is durable says so; there is no other way to write than these two.
//!
//! `statement_timeout` does not bound a commit that waits for a standby: only the caller's own deadline does. Then
//! nobody knows what came of it; every use case may be repeated.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Object, Pool, PoolError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::types::ToSql;

use super::connection::Connection;
use super::fault::Fault;
use super::news::News;
use super::pool::Connector;
use crate::store::StoreError;

/// For how long a caller waits in all.
const DEADLINE: Duration = Duration::from_millis(1800);

/// How often a transaction that met another is tried.
const TRIES: u32 = 8;

/// What a crash may take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// The last commits.
    Relaxed,
    /// Nothing that was answered.
    Durable,
}

impl Durability {
    const fn begin(self) -> &'static str {
        match self {
            Self::Relaxed => "BEGIN",
            Self::Durable => "BEGIN; SET LOCAL synchronous_commit = on",
        }
    }
}

/// A connection, as statements are given it.
pub(super) type Db = Arc<Connection>;

/// Parameters of a statement that outlives its caller.
pub(super) type Parameters = Vec<Box<dyn ToSql + Sync + Send>>;

#[derive(Clone)]
pub(super) struct Database {
    pool: Pool<Connector>,
    news: News,
    /// Places of durable writes. They may all wait for a standby that is gone, and each holds its connection until
    /// it is given up; what is left of the connections goes on.
    durable: Arc<Semaphore>,
}

impl Database {
    pub(super) fn new(pool: Pool<Connector>, news: News) -> Self {
        let connections = pool.status().max_size;
        let durable = Semaphore::new((connections - connections.div_ceil(4)).max(1));
        Self { pool, news, durable: Arc::new(durable) }
    }

    /// Runs a query, on a snapshot of everything that was committed before.
    pub(super) async fn read<T, Q>(&self, query: impl Fn(Db) -> Q) -> Result<T, StoreError>
    where
        Q: Future<Output = Result<T, Fault>>,
    {
        // What only reads may be tried again on a new connection, whatever became of the old one.
        in_time(self.tries(|db| {
            let answer = query(db);
            async { answer.await.map_err(Fault::unbegun) }
        }))
        .await
    }

    /// Runs statements in a transaction and answers what they came to, once that is committed. They run to their
    /// end, and maybe more than once, though the caller goes away.
    pub(super) async fn write<A, T, S>(
        &self,
        durability: Durability,
        with: A,
        statements: impl Fn(Db, Arc<A>) -> S + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        S: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let (database, with) = (self.clone(), Arc::new(with));
        detached(async move {
            let turn = |db: Db| {
                let answer = statements(Arc::clone(&db), Arc::clone(&with));
                let news = &database.news;
                async move {
                    db.take_news();
                    db.batch(durability.begin()).await.map_err(Fault::unbegun)?;
                    let answer = answer.await?;
                    let before = db.warnings();
                    db.batch("COMMIT").await?;
                    let warned = durability == Durability::Durable && db.warnings() != before;
                    if db.take_news() {
                        news.tell(&db).await;
                    }
                    if warned { Err(Fault::Warned) } else { Ok(answer) }
                }
            };
            in_time(async {
                let _place = database.place(durability).await?;
                database.tries(turn).await
            })
            .await
        })
        .await
    }

    /// A place among the writes of this class.
    async fn place(&self, durability: Durability) -> Result<Option<SemaphorePermit<'_>>, Fault> {
        match durability {
            Durability::Relaxed => Ok(None),
            Durability::Durable => match self.durable.acquire().await {
                Ok(place) => Ok(Some(place)),
                Err(closed) => Err(Fault::Unreachable(closed.to_string())),
            },
        }
    }

    /// A relaxed write of one statement, in one journey to the server and back. Answers how many rows it touched.
    pub(super) async fn touch(&self, sql: &'static str, with: Parameters) -> Result<u64, StoreError> {
        let (database, with) = (self.clone(), Arc::new(with));
        detached(async move { in_time(database.tries(|db| touch(db, sql, Arc::clone(&with)))).await }).await
    }

    async fn tries<T, W>(&self, turn: impl Fn(Db) -> W) -> Result<T, Fault>
    where
        W: Future<Output = Result<T, Fault>>,
    {
        let mut tries = 0;
        loop {
            let lent = self.lend().await?;
            let fault = match turn(Arc::clone(&lent.db)).await {
                Ok(answer) => {
                    lent.give_back();
                    return Ok(answer);
                }
                Err(fault) => fault,
            };
            if fault.spares_connection() && lent.db.batch("ROLLBACK").await.is_ok() {
                lent.give_back();
            }
            tries += 1;
            if tries == TRIES || !fault.is_worth_another_try() {
                return Err(fault);
            }
            tokio::time::sleep(Duration::from_millis(1 << tries)).await;
        }
    }

    async fn lend(&self) -> Result<Lent, Fault> {
        match self.pool.get().await {
            Ok(object) => Ok(Lent { db: Arc::clone(&object), object: Some(object) }),
            Err(PoolError::Backend(fault)) => Err(fault),
            Err(error) => Err(Fault::Unreachable(format!("no connection: {error:?}"))),
        }
    }
}

async fn touch(db: Db, sql: &'static str, with: Arc<Parameters>) -> Result<u64, Fault> {
    db.prepared(sql).await.map_err(Fault::unbegun)?;
    let with: Vec<_> = with.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    db.execute(sql, &with).await
}

/// Carries it out though the caller goes away.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(StoreError("the server is ending".to_owned())))
}

pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, StoreError> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(StoreError(format!("no answer within {DEADLINE:?}"))),
    }
}

/// A connection on loan. Unless it is given back it is cut: nobody knows what it is in the middle of.
struct Lent {
    db: Db,
    object: Option<Object<Connector>>,
}

impl Lent {
    fn give_back(mut self) {
        self.object = None;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            Object::take(object).cut();
        }
    }
}
