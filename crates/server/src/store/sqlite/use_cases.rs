//! The use cases, and how durable each write is.

use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::code::EndReason;
use countersign_core::session::State;
use countersign_core::{ServiceKeyId, SessionId, Timestamp, UserId};
use tokio::sync::watch;

use super::sessions::Ending;
use super::writer::Durability::{Durable, Relaxed};
use super::{
    SqliteStore, attempts, denylist, events, meta, service_keys, sessions, signing_keys, sweep, users,
};
use crate::store::{
    Allowance, Created, Denied, Event, Held, KeyMove, NameKey, NewEvent, NotReady, ServiceKey,
    ServiceKeyHash, Session, SigningKeyRow, Store, StoreError, User, UserChange,
};

#[async_trait]
impl Store for SqliteStore {
    async fn create_user(
        &self,
        user: &User,
        names: &[NameKey],
        event: NewEvent,
    ) -> Result<Created, StoreError> {
        let (user, names) = (user.clone(), names.to_vec());
        self.writer.write(Durable, move |db| users::create(db, &user, &names, &event)).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.readers.read(|db| users::by_id(db, id))
    }

    async fn user_by_name(&self, name: &NameKey) -> Result<Option<User>, StoreError> {
        self.readers.read(|db| users::by_name(db, name))
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.readers.read(|db| users::list(db, after, limit))
    }

    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        self.writer.write(Durable, move |db| users::change(db, id, &change, &event, deny_until)).await
    }

    async fn upgrade_password(&self, id: UserId, old: &str, new: &str) -> Result<(), StoreError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.writer.write(Relaxed, move |db| users::upgrade_password(db, id, &old, &new)).await
    }

    async fn create_session(&self, session: Session, event: NewEvent) -> Result<bool, StoreError> {
        self.writer.write(Durable, move |db| sessions::create(db, &session, &event)).await
    }

    async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Held>, StoreError> {
        self.readers.read(|db| sessions::by_key(db, user, id))
    }

    async fn session_by_fingerprint(&self, fingerprint: &[u8; 32]) -> Result<Option<Held>, StoreError> {
        self.readers.read(|db| sessions::by_fingerprint(db, fingerprint))
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        self.readers.read(|db| sessions::living(db, user))
    }

    async fn confirm(
        &self,
        user: UserId,
        id: SessionId,
        from: &State,
        to: &State,
    ) -> Result<bool, StoreError> {
        let (from, to) = (*from, *to);
        self.writer.write(Relaxed, move |db| sessions::confirm(db, user, id, &from, &to)).await
    }

    async fn touch(&self, user: UserId, id: SessionId, seen_at: Timestamp) -> Result<(), StoreError> {
        self.writer.write(Relaxed, move |db| sessions::touch(db, user, id, seen_at)).await
    }

    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        reason: EndReason,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let ending = Ending { at: event.at, reason, deny_until };
        self.writer
            .write(Durable, move |db| {
                let ended = sessions::end(db, user, id, ending)?;
                if !ended.is_empty() {
                    events::record(db, &event)?;
                }
                Ok(ended)
            })
            .await
    }

    async fn end_reused(
        &self,
        user: UserId,
        id: SessionId,
        judged: &State,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let ending = Ending { at: event.at, reason: EndReason::Reuse, deny_until };
        let judged = *judged;
        self.writer
            .write(Durable, move |db| {
                let stands = sessions::stands(db, user, id, &judged)?;
                if stands {
                    sessions::end(db, user, id, ending)?;
                    events::record(db, &event)?;
                }
                Ok(stands)
            })
            .await
    }

    async fn end_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let ending = Ending { at: event.at, reason, deny_until };
        self.writer
            .write(Durable, move |db| {
                let ended = sessions::end_all(db, user, keep, ending)?;
                if !ended.is_empty() {
                    events::record(db, &event)?;
                }
                Ok(ended)
            })
            .await
    }

    async fn record(&self, event: NewEvent) -> Result<(), StoreError> {
        self.writer.write(Relaxed, move |db| events::record(db, &event)).await
    }

    async fn events(&self, user: UserId, before: Option<u64>, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.readers.read(|db| events::of_user(db, user, before, limit))
    }

    async fn newest_event(&self) -> Result<u64, StoreError> {
        self.readers.read(events::newest)
    }

    async fn events_after(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.readers.read(|db| events::after(db, after, limit))
    }

    async fn events_among(&self, ids: &[u64]) -> Result<Vec<Event>, StoreError> {
        self.readers.read(|db| events::among(db, ids))
    }

    async fn attempt(
        &self,
        subject: [u8; 32],
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<Option<Duration>, StoreError> {
        self.writer.write(Relaxed, move |db| attempts::take(db, &subject, allowance, now)).await
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.readers.read(signing_keys::list)
    }

    async fn rotate_signing_keys(
        &self,
        add: Vec<SigningKeyRow>,
        moves: Vec<KeyMove>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer.write(Durable, move |db| signing_keys::rotate(db, &add, &moves, now)).await
    }

    async fn withdraw_signing_key(
        &self,
        withdrawn: KeyMove,
        add: Vec<SigningKeyRow>,
        moves: Vec<KeyMove>,
        now: Timestamp,
        deny_until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.writer
            .write(Durable, move |db| signing_keys::withdraw(db, &withdrawn, &add, moves, now, deny_until))
            .await
    }

    async fn denied_after(&self, after: u64, limit: u32) -> Result<Denied, StoreError> {
        self.readers.read(|db| denylist::after(db, after, limit))
    }

    fn writes(&self) -> Result<watch::Receiver<u64>, StoreError> {
        self.watcher.writes()
    }

    async fn create_service_key(&self, key: &ServiceKey, hash: &ServiceKeyHash) -> Result<(), StoreError> {
        let (key, hash) = (key.clone(), hash.clone());
        self.writer.write(Durable, move |db| service_keys::create(db, &key, &hash)).await
    }

    async fn service_key(&self, hash: &ServiceKeyHash) -> Result<Option<ServiceKey>, StoreError> {
        self.readers.read(|db| service_keys::by_hash(db, hash))
    }

    async fn service_keys(&self) -> Result<Vec<ServiceKey>, StoreError> {
        self.readers.read(service_keys::list)
    }

    async fn revoke_service_key(&self, id: ServiceKeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.writer.write(Durable, move |db| service_keys::revoke(db, id, at)).await
    }

    async fn secret_proof(&self, proof: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.writer.write(Durable, move |db| meta::secret_proof(db, proof)).await
    }

    async fn ready(&self) -> Result<(), NotReady> {
        self.writer.write(Relaxed, meta::probe).await?;
        Ok(self.readers.read(meta::probes)?)
    }

    async fn sweep(&self, now: Timestamp, keep_ended: Duration) -> Result<u64, StoreError> {
        let journal = self.journal.clone();
        self.writer
            .write(Relaxed, move |db| {
                if let Some(journal) = journal {
                    let rotated = journal.lock().unwrap_or_else(PoisonError::into_inner).rotate(db, now);
                    // It grows until that works; what it is for is told by those who append.
                    rotated.unwrap_or_else(|error| tracing::warn!(%error, "the journal was not rotated"));
                }
                sweep::sweep(db, now, keep_ended)
            })
            .await
    }
}
