//! Reads and writes: a connection, maybe a transaction, a deadline, another try.
//!
//! ```text
//! read  ──► shared connection ──► statement ───────────────────────────────────────────────► answer
//! touch ──► shared connection ──► one statement, relaxed ──────────────────────────────────► answer
//! list  ──► connection of the pool ──► statement that may be long ─────────────────────────► answer
//! write ──► connection of the pool ──► BEGIN · SET LOCAL synchronous_commit · … · COMMIT ──► answer
//!            └─ all within DEADLINE; else that connection is cut, and the answer is that there is none
//! ```
//!
//! A connection begins with `synchronous_commit = off`: three statements around the one that confirms a refresh took
//! as long as that one. What is durable says so; there is no other way to write than these two: `touch` and `write`.
//!
//! `statement_timeout` does not bound a commit that waits for a standby: only the caller's own deadline does. Then
//! nobody knows what came of it; every use case may be repeated.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Object, Pool, PoolError};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::Connection;
use super::fault::Fault;
use super::news::News;
use super::pool::Connector;
use super::shared::{Shared, Turn};
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

#[derive(Clone)]
pub(super) struct Database {
    shared: Arc<Shared>,
    pool: Pool<Connector>,
    news: News,
    /// Places of durable writes. They may all wait for a standby that is gone, and each holds its connection until
    /// it is given up; what is left of the pool's goes on.
    durable: Arc<Semaphore>,
}

impl Database {
    pub(super) fn new(shared: Shared, pool: Pool<Connector>, news: News) -> Self {
        let durable = Semaphore::new((pool.status().max_size - 1).max(1));
        Self { shared: Arc::new(shared), pool, news, durable: Arc::new(durable) }
    }

    /// Runs a query for a row or two that an index finds, on a snapshot of everything that was committed before.
    pub(super) async fn read<T, Q>(&self, query: impl Fn(Db) -> Q) -> Result<T, StoreError>
    where
        Q: Future<Output = Result<T, Fault>>,
    {
        self.in_turn(|db| {
            let answer = query(db);
            async { answer.await.map_err(Fault::unbegun) }
        })
        .await
    }

    /// Runs a query that may find many rows: nobody else should have to wait for it.
    pub(super) async fn list<T, Q>(&self, query: impl Fn(Db) -> Q) -> Result<T, StoreError>
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

    /// A relaxed write of one statement, in one journey to the server and back. Once it is sent it is carried out,
    /// though the caller goes away.
    pub(super) async fn touch<T, S>(&self, statement: impl Fn(Db) -> S) -> Result<T, StoreError>
    where
        S: Future<Output = Result<T, Fault>>,
    {
        self.in_turn(statement).await
    }

    /// On a shared connection; if it has to wait for a lock, on one of its own.
    async fn in_turn<T, S>(&self, statement: impl Fn(Db) -> S) -> Result<T, StoreError>
    where
        S: Future<Output = Result<T, Fault>>,
    {
        let mut turn = None;
        let done = tokio::time::timeout(DEADLINE, async {
            match self.turns(&mut turn, &statement).await {
                Err(fault) if fault.is_of_a_lock() => {
                    turn = None;
                    self.tries(&statement).await
                }
                done => done,
            }
        });
        if let Ok(done) = done.await {
            return Ok(done?);
        }
        if let Some(turn) = turn {
            turn.leave();
        }
        Err(none_in_time())
    }

    async fn turns<'d, T, S>(
        &'d self,
        turn: &mut Option<Turn<'d>>,
        statement: &impl Fn(Db) -> S,
    ) -> Result<T, Fault>
    where
        S: Future<Output = Result<T, Fault>>,
    {
        let mut tries = 0;
        loop {
            let taken = turn.insert(self.shared.turn().await?);
            let fault = match statement(Arc::clone(taken.db())).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            if !fault.spares_connection() {
                taken.leave();
            }
            *turn = None;
            again(&mut tries, fault).await?;
        }
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
            again(&mut tries, fault).await?;
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

/// Waits a moment before another try; the fault, if that would not help, or not any more.
async fn again(tries: &mut u32, fault: Fault) -> Result<(), Fault> {
    *tries += 1;
    if *tries == TRIES || !fault.is_worth_another_try() {
        return Err(fault);
    }
    tokio::time::sleep(Duration::from_millis(1 << *tries)).await;
    Ok(())
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
        Err(_) => Err(none_in_time()),
    }
}

fn none_in_time() -> StoreError {
    StoreError(format!("no answer within {DEADLINE:?}"))
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
