//! The use cases of the trait: which connection, and how durable.

use std::time::Duration;

use async_trait::async_trait;
use countersign_core::code::EndReason;
use countersign_core::session::State;
use countersign_core::{ServiceKeyId, SessionId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension};

use super::sessions::Ending;
use super::writer::Durability::{Durable, Relaxed};
use super::writer::WriteError;
use super::{SqliteStore, events, keys, limits, sessions, users};
use crate::store::{
    Allowance, Created, Event, Held, KeyMove, NameKey, NewEvent, ServiceKey, ServiceKeyHash, Session,
    SigningKeyRow, Store, StoreError, User, UserChange,
};

/// Rows of a kind that one sweep deletes at most, so that no write waits long behind it.
const SWEEP: u32 = 500;

#[async_trait]
impl Store for SqliteStore {
    async fn create_user(
        &self,
        user: &User,
        names: &[NameKey],
        event: NewEvent,
    ) -> Result<Created, StoreError> {
        let (user, names) = (user.clone(), names.to_vec());
        match self.writer.write(Durable, move |db| users::insert(db, &user, &names, &event)).await {
            Ok(()) => Ok(Created::Done),
            Err(WriteError::Conflict) => Ok(Created::NameTaken),
            Err(WriteError::Unavailable(error)) => Err(error),
        }
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.readers.read(|db| users::by_id(db, id))
    }

    async fn user_by_name(&self, name: &NameKey) -> Result<Option<User>, StoreError> {
        self.readers.read(|db| users::by_name(db, name))
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.readers.read(|db| users::page(db, after, limit))
    }

    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let ending = Ending { reason: EndReason::Revoked, event, deny_until };
        Ok(self.writer.write(Durable, move |db| users::change(db, id, &change, &ending)).await?)
    }

    async fn upgrade_password(&self, id: UserId, old: &str, new: &str) -> Result<(), StoreError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        Ok(self.writer.write(Relaxed, move |db| users::upgrade_password(db, id, &old, &new)).await?)
    }

    async fn create_session(&self, session: Session, event: NewEvent) -> Result<bool, StoreError> {
        Ok(self.writer.write(Durable, move |db| sessions::insert(db, &session, &event)).await?)
    }

    async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Held>, StoreError> {
        self.readers.read(|db| sessions::held(db, user, id))
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
        Ok(self.writer.write(Relaxed, move |db| sessions::confirm(db, user, id, &from, &to)).await?)
    }

    async fn touch(&self, user: UserId, id: SessionId, seen_at: Timestamp) -> Result<(), StoreError> {
        Ok(self.writer.write(Relaxed, move |db| sessions::touch(db, user, id, seen_at)).await?)
    }

    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        reason: EndReason,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let ending = Ending { reason, event, deny_until };
        Ok(self.writer.write(Durable, move |db| sessions::end(db, user, id, &ending)).await?)
    }

    async fn end_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        reason: EndReason,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let ending = Ending { reason, event, deny_until };
        let end_all = move |db: &Connection| {
            events::insert(db, &ending.event)?;
            sessions::end_all(db, user, keep, &ending)
        };
        Ok(self.writer.write(Durable, end_all).await?)
    }

    async fn record(&self, event: NewEvent) -> Result<(), StoreError> {
        Ok(self.writer.write(Relaxed, move |db| events::insert(db, &event)).await?)
    }

    async fn events(&self, user: UserId, before: Option<u64>, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.readers.read(|db| events::page(db, user, before, limit))
    }

    async fn attempt(
        &self,
        subject: [u8; 32],
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<Option<Duration>, StoreError> {
        Ok(self.writer.write(Relaxed, move |db| limits::attempt(db, &subject, allowance, now)).await?)
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.readers.read(keys::signing)
    }

    async fn rotate_signing_keys(
        &self,
        add: Vec<SigningKeyRow>,
        moves: Vec<KeyMove>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        match self.writer.write(Durable, move |db| keys::rotate(db, &add, &moves, now)).await {
            Err(WriteError::Conflict) => Ok(false),
            done => Ok(done?),
        }
    }

    async fn create_service_key(&self, key: &ServiceKey, hash: &ServiceKeyHash) -> Result<(), StoreError> {
        let (key, hash) = (key.clone(), hash.clone());
        Ok(self.writer.write(Durable, move |db| keys::insert_service(db, &key, &hash)).await?)
    }

    async fn service_key(&self, hash: &ServiceKeyHash) -> Result<Option<ServiceKey>, StoreError> {
        self.readers.read(|db| keys::service(db, hash))
    }

    async fn service_keys(&self) -> Result<Vec<ServiceKey>, StoreError> {
        self.readers.read(keys::services)
    }

    async fn revoke_service_key(&self, id: ServiceKeyId, at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.writer.write(Durable, move |db| keys::revoke_service(db, id, at)).await?)
    }

    async fn secret_proof(&self, proof: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let stored = |db: &Connection| {
            db.query_row("SELECT value FROM meta WHERE name = 'secret_proof'", [], |row| row.get(0))
                .optional()
        };
        if let Some(found) = self.readers.read(stored)? {
            return Ok(found);
        }
        let store = move |db: &Connection| {
            db.execute("INSERT OR IGNORE INTO meta (name, value) VALUES ('secret_proof', ?1)", [proof])?;
            Ok(stored(db)?.unwrap_or(proof))
        };
        Ok(self.writer.write(Durable, store).await?)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let sign_of_life = |db: &Connection| {
            db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('ready', x'')", []).map(drop)
        };
        Ok(self.writer.write(Relaxed, sign_of_life).await?)
    }

    async fn sweep(&self, now: Timestamp, keep_ended: Duration) -> Result<u64, StoreError> {
        let before = now.minus(keep_ended);
        let sweep = move |db: &Connection| {
            let denied = db
                .prepare_cached(
                    "DELETE FROM denylist WHERE seq IN (SELECT seq FROM denylist WHERE not_after < ?1 LIMIT ?2)",
                )?
                .execute((now.as_millis(), SWEEP))?;
            let gone = sessions::sweep(db, before, SWEEP)? + events::sweep(db, before, SWEEP)?;
            Ok((denied + gone + limits::sweep(db, now, SWEEP)?) as u64)
        };
        Ok(self.writer.write(Relaxed, sweep).await?)
    }
}
