//! The one thread that writes, many jobs to a commit.
//!
//! ```text
//! callers ──► queue ──► BEGIN IMMEDIATE · job · job · job · line of the journal · COMMIT ──► answers
//!                       each job in its own savepoint       if there is one, and anything to take down
//! ```
//!
//! What waits in the queue goes into one transaction, so that the more callers there are, the fewer syncs each
//! costs. An answer is given after the commit, and a job that was queued is carried out even if its caller
//! has gone away by then.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::Log;
use super::journal;
use super::watcher::Written;
use super::{OpenError, Thread, replay};
use crate::store::StoreError;

/// How many jobs may wait. More would only wait longer.
const QUEUE: usize = 1024;

/// For how long a caller waits for room in the queue.
const QUEUE_WAIT: Duration = Duration::from_secs(2);

/// How many jobs go into one commit.
const BATCH: usize = 256;

/// What a power cut may take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Durability {
    /// The last seconds' commits.
    Relaxed,
    /// Nothing that was answered.
    Durable,
}

pub(super) struct Writer {
    // Dropped before the thread is joined, which ends when nobody can queue any more.
    jobs: mpsc::Sender<Box<dyn Job>>,
    _thread: Thread,
}

impl Writer {
    /// Starts the thread, which calls `connect` for its first connection and, after a batch that failed, for
    /// a new one. `written` is told of durable commits; `journal` gets a line before each commit that ends something.
    pub(super) fn start<C>(
        connect: C,
        log: Log,
        written: Written,
        journal: Option<Arc<Mutex<journal::Open>>>,
    ) -> Result<Self, OpenError>
    where
        C: Fn() -> rusqlite::Result<Connection> + Send + 'static,
    {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let session = Session { connect, open: None, log, written, journal, failing: false };
        let thread = Thread::start("writer", move || session.run(queue))?;
        Ok(Self { jobs, _thread: thread })
    }

    /// Runs the statements in a transaction and answers what they came to, once that is committed.
    pub(super) async fn write<T, S>(&self, durability: Durability, statements: S) -> Result<T, StoreError>
    where
        T: Send + 'static,
        S: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Write { durability, statements: Some(statements), outcome: Err(gone()), answer });
        match self.jobs.send_timeout(job, QUEUE_WAIT).await {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(gone())),
            Err(SendTimeoutError::Timeout(_)) => Err(StoreError("too many writes are waiting".to_owned())),
            Err(SendTimeoutError::Closed(_)) => Err(gone()),
        }
    }
}

fn gone() -> StoreError {
    StoreError("the writer has stopped".to_owned())
}

/// A [`Write`], whatever it answers.
trait Job: Send {
    fn durability(&self) -> Durability;

    /// Runs the statements and keeps the outcome; an error means that they are to be undone.
    fn run(&mut self, db: &Connection) -> Result<(), StoreError>;

    /// Gives the outcome to the caller, or the reason why nothing of it was committed.
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

struct Write<T, S> {
    durability: Durability,
    statements: Option<S>,
    outcome: Result<T, StoreError>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, S> Job for Write<T, S>
where
    T: Send,
    S: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, db: &Connection) -> Result<(), StoreError> {
        if let Some(statements) = self.statements.take() {
            self.outcome = statements(db).map_err(StoreError::from);
        }
        self.outcome.as_ref().map(|_| ()).map_err(StoreError::clone)
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        // A caller that has gone away wants no answer.
        let _ = self.answer.send(committed.clone().and(self.outcome));
    }
}

/// The writer's thread.
struct Session<C> {
    connect: C,
    open: Option<Database>,
    log: Log,
    written: Written,
    journal: Option<Arc<Mutex<journal::Open>>>,
    failing: bool,
}

struct Database {
    db: Connection,
    /// What `synchronous` stands at.
    durability: Durability,
    journal: Option<Arc<Mutex<journal::Open>>>,
}

impl<C: Fn() -> rusqlite::Result<Connection>> Session<C> {
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
            let committed = self.commit(&mut batch);
            if committed.is_ok() && durability(&batch) == Some(Durability::Durable) {
                self.written.tell();
            }
            for job in batch.drain(..) {
                job.answer(&committed);
            }
            self.log.committed();
        }
    }

    fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let mut failed = None;
        let committed = self.database().and_then(|database| database.commit(batch, &mut failed));
        let trouble = committed.as_ref().err().or(failed.as_ref());
        self.report(trouble);
        if trouble.is_some() {
            // Closing rolls back, and a new connection has forgotten whatever was wrong with this one: a file
            // that could only be opened for reading, or that has been put back since.
            self.open = None;
        }
        committed
    }

    fn database(&mut self) -> Result<&mut Database, StoreError> {
        if let Some(open) = self.open.take() {
            return Ok(self.open.insert(open));
        }
        let mut db = (self.connect)()?;
        self.log.follow(&mut db)?;
        db.pragma_update(None, "synchronous", "full")?;
        let journal = self.journal.clone();
        if journal.is_some() {
            db.execute_batch(replay::WATCH)?;
        }
        Ok(self.open.insert(Database { db, durability: Durability::Durable, journal }))
    }

    /// One line when it begins and one when it ends, however many writes fail between.
    fn report(&mut self, trouble: Option<&StoreError>) {
        match trouble {
            Some(error) if !self.failing => tracing::error!(%error, "writes fail"),
            None if self.failing => tracing::info!("writes work again"),
            _ => {}
        }
        self.failing = trouble.is_some();
    }
}

/// What the most careful of the jobs wants.
fn durability(batch: &[Box<dyn Job>]) -> Option<Durability> {
    batch.iter().map(|job| job.durability()).max()
}

impl Database {
    /// Commits what the jobs did; `failed` is the last error of one whose own statements were undone.
    fn commit(
        &mut self,
        batch: &mut [Box<dyn Job>],
        failed: &mut Option<StoreError>,
    ) -> Result<(), StoreError> {
        self.set_durability(durability(batch).unwrap_or(Durability::Durable))?;
        self.step("BEGIN IMMEDIATE")?;
        for job in batch {
            self.step("SAVEPOINT job")?;
            if let Err(error) = job.run(&self.db) {
                // Some failures, such as a full disk, make SQLite roll back the whole transaction at once.
                if self.db.is_autocommit() {
                    return Err(error);
                }
                self.step("ROLLBACK TO job")?;
                *failed = Some(error);
            }
            self.step("RELEASE job")?;
        }
        if let Some(journal) = &self.journal {
            journal.lock().unwrap_or_else(PoisonError::into_inner).write(&self.db)?;
        }
        self.step("COMMIT")
    }

    /// Within a transaction SQLite would ignore it.
    fn set_durability(&mut self, wanted: Durability) -> Result<(), StoreError> {
        if self.durability != wanted {
            let synchronous = match wanted {
                Durability::Durable => "full",
                Durability::Relaxed => "normal",
            };
            self.db.pragma_update(None, "synchronous", synchronous)?;
            self.durability = wanted;
        }
        Ok(())
    }

    fn step(&self, sql: &str) -> Result<(), StoreError> {
        self.db.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
