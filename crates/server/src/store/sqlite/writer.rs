//! The one writer: a thread that takes what is queued, makes one transaction of it, and answers after the commit.
//!
//! ```text
//! write(durability, work) ─┐
//! write(durability, work) ─┼─► queue ─► BEGIN; work, work, work; COMMIT ─► one answer each
//! write(durability, work) ─┘            (FULL if any is durable, else NORMAL)
//! ```
//!
//! One sync serves everybody who waits for it: several times the commits a second of one transaction each.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

/// Jobs that may wait.
const QUEUE: usize = 4096;
/// Jobs in one transaction.
const BATCH: usize = 256;
/// How long a caller waits for a place in the queue.
const QUEUE_WITHIN: Duration = Duration::from_secs(2);
/// A write-ahead log longer than this is emptied by the writer itself: beside a busy writer, others cannot.
const LONG_WAL: u64 = 64 << 20;

/// What a power cut may take back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing: it is on disk before the answer.
    Durable,
    /// The last moments before it; never the middle of a transaction.
    Relaxed,
}

/// Why a write did not happen.
#[derive(Debug)]
pub(super) enum WriteError {
    /// It would have broken a uniqueness rule of the schema.
    Conflict,
    Unavailable(StoreError),
}

/// What is left of a job after its work: tell its caller, once it is known whether the commit went well.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Does the work; the flag says whether what it wrote shall stay.
type Job = Box<dyn FnOnce(&Connection) -> (bool, Answer) + Send>;

pub(super) struct Writer {
    queue: Option<mpsc::Sender<(Durability, Job)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, wal: PathBuf, nudge: SyncSender<()>) -> io::Result<Self> {
        let (queue, mut jobs) = mpsc::channel(QUEUE);
        let mut pen = Pen { connection, wal, nudge, full: None };
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || {
            while let Some(first) = jobs.blocking_recv() {
                let mut batch = Vec::with_capacity(16);
                batch.push(first);
                while batch.len() < BATCH {
                    match jobs.try_recv() {
                        Ok(next) => batch.push(next),
                        Err(_) => break,
                    }
                }
                pen.commit(batch);
            }
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Does `work` in a transaction, shared with others but undone alone if it fails. Once queued it is done,
    /// even if the caller goes away.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let done = work(connection);
            let keep = done.is_ok();
            let answer: Answer = Box::new(move |committed| {
                let answer = match (done, committed) {
                    (Ok(value), Ok(())) => Ok(value),
                    (Err(error), Ok(())) => Err(WriteError::from(error)),
                    (_, Err(error)) => Err(WriteError::Unavailable(error)),
                };
                // A caller that went away needs no answer.
                let _gone = tell.send(answer);
            });
            (keep, answer)
        });
        let closed = || WriteError::Unavailable(StoreError("the writer has stopped".into()));
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        queue
            .send_timeout((durability, job), QUEUE_WITHIN)
            .await
            .map_err(|_| WriteError::Unavailable(StoreError("too many writes wait".into())))?;
        told.await.map_err(|_| closed())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without senders the thread finishes what is queued and ends.
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

struct Pen {
    connection: Connection,
    wal: PathBuf,
    nudge: SyncSender<()>,
    /// What `PRAGMA synchronous` is set to, if it is known.
    full: Option<bool>,
}

impl Pen {
    fn commit(&mut self, batch: Vec<(Durability, Job)>) {
        let full = batch.iter().any(|(durability, _)| *durability == Durability::Durable);
        let mut jobs = batch.into_iter().map(|(_, job)| job);
        let mut answers = Vec::with_capacity(jobs.len());
        let outcome = self.begin(full).and_then(|()| {
            for job in jobs.by_ref() {
                answers.push(self.carry_out(job)?);
            }
            self.run("COMMIT")
        });
        if outcome.is_err() && !self.connection.is_autocommit() {
            // If even this fails, the next BEGIN says so, and tries again.
            let _undone = self.run("ROLLBACK");
        }
        let outcome = outcome.map_err(StoreError::from);
        if let Err(error) = &outcome {
            tracing::error!(%error, "a transaction failed");
        }
        for answer in answers {
            answer(outcome.clone());
        }
        // Those that were not reached: dropping a job tells its caller.
        drop(jobs);
        self.after_commit();
    }

    fn begin(&mut self, full: bool) -> rusqlite::Result<()> {
        if !self.connection.is_autocommit() {
            self.run("ROLLBACK")?;
        }
        // It can change between transactions only.
        if self.full != Some(full) {
            self.full = None;
            self.connection.pragma_update(None, "synchronous", if full { "FULL" } else { "NORMAL" })?;
            self.full = Some(full);
        }
        self.run("BEGIN IMMEDIATE")
    }

    /// One job in a savepoint of its own, so that it can fail alone.
    fn carry_out(&self, job: Job) -> rusqlite::Result<Answer> {
        self.run("SAVEPOINT job")?;
        let (keep, answer) = job(&self.connection);
        if !keep {
            self.run("ROLLBACK TO job")?;
        }
        self.run("RELEASE job")?;
        Ok(answer)
    }

    fn run(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn after_commit(&self) {
        // Full means that it has been told already.
        let _told = self.nudge.try_send(());
        if std::fs::metadata(&self.wal).is_ok_and(|file| file.len() > LONG_WAL) {
            super::checkpoint::run(&self.connection);
        }
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Conflict,
            _ => Self::Unavailable(error.into()),
        }
    }
}

impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Conflict => Self("a uniqueness rule was broken".into()),
            WriteError::Unavailable(error) => error,
        }
    }
}
