//! What the server remembers, as use cases: each method is one transaction.
//!
//! ```text
//! app ──► Store ──► sqlite::SqliteStore ──► one writer thread (group commit)   ──► countersign.db (WAL)
//!          │                           └──► reader threads (snapshots of WAL) ──►
//!          └─► postgres::PostgresStore ──► a pool of connections ──► a server, for any number of nodes
//! ```
//!
//! Every write belongs to one of two durability classes, said in its documentation and kept by the
//! implementation, never left to the caller's memory:
//!
//! - **durable**: on disk before the answer. Everything that creates or ends something.
//! - **relaxed**: a power cut may take the last ones back. Confirming a refresh (the rule heals it), `seen_at`,
//!   attempt counters and audit lines about requests that changed nothing.

mod migration;
pub mod postgres;
mod records;
pub mod sqlite;
#[cfg(test)]
mod statements;

use std::time::Duration;

use async_trait::async_trait;
use countersign_core::code::EndReason;
use countersign_core::session::State;
use countersign_core::{ServiceKeyId, SessionId, Timestamp, UserId};
use tokio::sync::watch;

pub use migration::Migration;
pub use records::{
    Denied, Event, EventKind, Held, KeyMove, KeyState, LONGEST_ACCESS_TTL, Mode, NameKey, NewEvent,
    ServiceKey, ServiceKeyHash, Session, SigningKeyRow, User, UserChange,
};

/// The store cannot answer: the disk is full or read-only, the database is locked or gone. Always worth a retry.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the database is unavailable: {0}")]
pub struct StoreError(pub String);

/// Why a node should be asked nothing now.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "whoever tells an operator must know each reason")]
pub enum NotReady {
    /// The clock of this machine is this far from the database's.
    #[error("the clock of this node is {0:?} off the database's")]
    ClockOff(Duration),
    /// The database cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The most that a node's clock may be off the database's.
pub const MOST_OFF: Duration = Duration::from_secs(2);

/// How many rows a sweep removes from each table at most: if fewer went in all, none is left.
pub const SWEPT: u64 = 500;

/// What [`Store::create_user`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a use case that overlooks an outcome must not compile")]
pub enum Created {
    /// The user is stored.
    Done,
    /// One of the names belongs to somebody already; nothing was stored.
    NameTaken,
}

/// Steady allowance for one kind of attempt: a burst at once, then one each `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many attempts may come at once after a quiet time.
    pub burst: u32,
    /// After how long one more is allowed.
    pub interval: Duration,
}

/// The database, as the use cases see it.
#[async_trait]
pub trait Store: Send + Sync {
    /// Creates a user and its names; `event` is recorded with it. Durable.
    async fn create_user(
        &self,
        user: &User,
        names: &[NameKey],
        event: NewEvent,
    ) -> Result<Created, StoreError>;

    /// The user of this id.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user that this name belongs to.
    async fn user_by_name(&self, name: &NameKey) -> Result<Option<User>, StoreError>;

    /// Users in the order of their ids, at most `limit`, beginning after `after`.
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError>;

    /// Changes a user and records `event`. A new password, disabling, and new roles move the claims epoch by
    /// one; a new password and disabling also end every session of the user. `None` if there is no such user,
    /// else the ids of the sessions that ended. Durable.
    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError>;

    /// Replaces the user's password hash by a better one of the same password. Relaxed.
    async fn upgrade_password(&self, id: UserId, old: &str, new: &str) -> Result<(), StoreError>;

    /// Creates a session and records `event`. With `parent`, only if that session of the same user has not
    /// ended (the answer is false otherwise). Durable.
    async fn create_session(&self, session: Session, event: NewEvent) -> Result<bool, StoreError>;

    /// A session (ended or not) and its user: the one read of a refresh, by primary keys alone.
    async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Held>, StoreError>;

    /// The living or ended session with this fingerprint.
    async fn session_by_fingerprint(&self, fingerprint: &[u8; 32]) -> Result<Option<Held>, StoreError>;

    /// The sessions of a user that have not ended, oldest first; those past their time are left to the caller.
    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError>;

    /// Makes `to` the confirmed token and `to.confirmed_at` the time of last use, if the state is still `from`
    /// and the session has not ended: one compare-and-swap on `(depth, slot)`. Relaxed.
    async fn confirm(
        &self,
        user: UserId,
        id: SessionId,
        from: &State,
        to: &State,
    ) -> Result<bool, StoreError>;

    /// Writes when the session was last used. Relaxed.
    async fn touch(&self, user: UserId, id: SessionId, seen_at: Timestamp) -> Result<(), StoreError>;

    /// Ends a session and those forked from it, writes a deny-list entry for each that keeps until
    /// `deny_until`, and records `event` if any ended. Answers the ids that ended now; none if there was
    /// nothing left to end. Durable, and durable too when another transaction ended them before.
    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        reason: EndReason,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Ends a session and those forked from it as [`Store::end_session`] does, for reuse, if its state is still
    /// `judged` and it has not ended; false, and nothing happens, otherwise. Durable.
    async fn end_reused(
        &self,
        user: UserId,
        id: SessionId,
        judged: &State,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends every session of the user but `keep`, as [`Store::end_session`] does one. Durable.
    async fn end_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Records an event that changed nothing else. Relaxed.
    async fn record(&self, event: NewEvent) -> Result<(), StoreError>;

    /// Events of a user, newest first, at most `limit`, those before the id `before` if given.
    async fn events(&self, user: UserId, before: Option<u64>, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// The id of the newest event of all; 0 if there is none.
    async fn newest_event(&self) -> Result<u64, StoreError>;

    /// Everybody's events after that id, in the order of their ids. One whose transaction is slower than that of the
    /// next has an id that was missing before.
    async fn events_after(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Those of these events that are there.
    async fn events_among(&self, ids: &[u64]) -> Result<Vec<Event>, StoreError>;

    /// Takes one attempt from the allowance of `subject` (a hash, so that no name or address is stored).
    /// `None` if it is allowed, else how long to wait; a refused attempt takes nothing. Relaxed.
    async fn attempt(
        &self,
        subject: [u8; 32],
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<Option<Duration>, StoreError>;

    /// Every signing key, oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, StoreError>;

    /// Takes one step of key rotation: moves keys, in the order given, then adds some. Nothing happens (and the
    /// answer is false) if a key is no longer in the state that it is moved from, or if a second key were
    /// active, or a second of one algorithm announced: so two processes cannot rotate twice. Durable.
    async fn rotate_signing_keys(
        &self,
        add: Vec<SigningKeyRow>,
        moves: Vec<KeyMove>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Withdraws a key in an emergency: takes the move of it to [`KeyState::Gone`], writes its deny-list entry that
    /// keeps until `deny_until`, and takes the rest of the step as [`Store::rotate_signing_keys`] does, or does
    /// nothing at all. Durable.
    async fn withdraw_signing_key(
        &self,
        withdrawn: KeyMove,
        add: Vec<SigningKeyRow>,
        moves: Vec<KeyMove>,
        now: Timestamp,
        deny_until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Entries of the deny-list that were written since the place of this number, in the order in which they were
    /// written, at most `limit`; from 0 on, all that are kept. Every entry of a transaction that ends later comes
    /// later. A store that has lost its place begins again.
    async fn denied_after(&self, after: u64, limit: u32) -> Result<Denied, StoreError>;

    /// Tells of durable writes: at once of this process' own, soon of another's. It may tell of more than there
    /// is, and of several at once; whoever listens looks for themselves.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot begin to look at the database.
    fn writes(&self) -> Result<watch::Receiver<u64>, StoreError>;

    /// Creates a service key. Durable.
    async fn create_service_key(&self, key: &ServiceKey, hash: &ServiceKeyHash) -> Result<(), StoreError>;

    /// The service key with this hash, unless revoked.
    async fn service_key(&self, hash: &ServiceKeyHash) -> Result<Option<ServiceKey>, StoreError>;

    /// Every service key that is not revoked, oldest first.
    async fn service_keys(&self) -> Result<Vec<ServiceKey>, StoreError>;

    /// Revokes a service key; false if there is none of this id. Durable.
    async fn revoke_service_key(&self, id: ServiceKeyId, at: Timestamp) -> Result<bool, StoreError>;

    /// Ties the database to its master secret: stores `proof` if none is there, and answers what is there.
    /// Durable.
    async fn secret_proof(&self, proof: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// Deletes a bounded number of rows that nobody will ask for again: deny-list entries and attempt counters
    /// whose time has passed at `now`, and sessions and events that ended `keep_ended` before. Answers how many
    /// went; none too where another node is at it. Relaxed.
    async fn sweep(&self, now: Timestamp, keep_ended: Duration) -> Result<u64, StoreError>;

    /// Whether reads and writes work now (a write of no consequence is made and committed), and this machine's clock
    /// is right by the database's.
    async fn ready(&self) -> Result<(), NotReady>;
}
