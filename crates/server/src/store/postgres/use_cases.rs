//! The use cases, and how durable each write is.

use std::time::Duration;

use async_trait::async_trait;
use countersign_core::code::EndReason;
use countersign_core::session::State;
use countersign_core::{Clock, ServiceKeyId, SessionId, Timestamp, UserId};
use tokio::sync::watch;

use super::database::Durability::{Durable, Relaxed};
use super::sessions::Ending;
use super::{
    PostgresStore, attempts, events, look, meta, service_keys, sessions, signing_keys, sweep, users,
};
use crate::store::{
    Allowance, Created, Denied, Event, Held, KeyMove, MOST_OFF, NameKey, NewEvent, NotReady, ServiceKey,
    ServiceKeyHash, Session, SigningKeyRow, Store, StoreError, User, UserChange,
};

#[async_trait]
impl Store for PostgresStore {
    async fn create_user(
        &self,
        user: &User,
        names: &[NameKey],
        event: NewEvent,
    ) -> Result<Created, StoreError> {
        let with = (user.clone(), names.to_vec(), event);
        self.database
            .write(Durable, with, |db, with| async move {
                let (user, names, event) = &*with;
                users::create(&db, user, names, event).await
            })
            .await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.database.read(|db| async move { users::by_id(&db, id).await }).await
    }

    async fn user_by_name(&self, name: &NameKey) -> Result<Option<User>, StoreError> {
        self.database.read(|db| async move { users::by_name(&db, name).await }).await
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.database.list(|db| async move { users::list(&db, after, limit).await }).await
    }

    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
        event: NewEvent,
        deny_until: Timestamp,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        self.database
            .write(Durable, (change, event), move |db, with| async move {
                let (change, event) = &*with;
                users::change(&db, id, change, event, deny_until).await
            })
            .await
    }

    async fn upgrade_password(&self, id: UserId, old: &str, new: &str) -> Result<(), StoreError> {
        self.database.touch(|db| async move { users::upgrade_password(&db, id, old, new).await }).await
    }

    async fn create_session(&self, session: Session, event: NewEvent) -> Result<bool, StoreError> {
        let made = &session;
        self.database.touch(|db| async move { sessions::index(&db, made).await }).await?;
        self.database
            .write(Durable, (session, event), |db, with| async move {
                let (session, event) = &*with;
                if let Some(parent) = session.parent
                    && !sessions::lives(&db, session.user, parent).await?
                {
                    return Ok(false);
                }
                sessions::create(&db, session).await?;
                events::record(&db, event).await?;
                Ok(true)
            })
            .await
    }

    async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Held>, StoreError> {
        self.database.read(|db| async move { sessions::by_key(&db, user, id).await }).await
    }

    async fn session_by_fingerprint(&self, fingerprint: &[u8; 32]) -> Result<Option<Held>, StoreError> {
        self.database.read(|db| async move { sessions::by_fingerprint(&db, *fingerprint).await }).await
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        self.database.list(|db| async move { sessions::living(&db, user).await }).await
    }

    async fn confirm(
        &self,
        user: UserId,
        id: SessionId,
        from: &State,
        to: &State,
    ) -> Result<bool, StoreError> {
        self.database.touch(|db| async move { sessions::confirm(&db, user, id, from, to).await }).await
    }

    async fn touch(&self, user: UserId, id: SessionId, seen_at: Timestamp) -> Result<(), StoreError> {
        self.database.touch(|db| async move { sessions::touch(&db, user, id, seen_at).await }).await
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
        self.database
            .write(Durable, event, move |db, event| async move {
                let ended = sessions::end(&db, user, id, ending).await?;
                if ended.is_empty() {
                    users::rewrite(&db, user).await?;
                } else {
                    events::record(&db, &event).await?;
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
        self.database
            .write(Durable, (*judged, event), move |db, with| async move {
                let (judged, event) = &*with;
                let stands = sessions::stands(&db, user, id, judged).await?;
                if stands {
                    sessions::end(&db, user, id, ending).await?;
                    events::record(&db, event).await?;
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
        self.database
            .write(Durable, event, move |db, event| async move {
                let ended = sessions::end_all(&db, user, keep, ending).await?;
                if ended.is_empty() {
                    users::rewrite(&db, user).await?;
                } else {
                    events::record(&db, &event).await?;
                }
                Ok(ended)
            })
            .await
    }

    async fn record(&self, event: NewEvent) -> Result<(), StoreError> {
        let event = &event;
        self.database.touch(|db| async move { events::record(&db, event).await }).await
    }

    async fn events(&self, user: UserId, before: Option<u64>, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.database.list(|db| async move { events::of_user(&db, user, before, limit).await }).await
    }

    async fn newest_event(&self) -> Result<u64, StoreError> {
        self.database.list(|db| async move { events::newest(&db).await }).await
    }

    async fn events_after(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.database.list(|db| async move { events::after(&db, after, limit).await }).await
    }

    async fn events_among(&self, ids: &[u64]) -> Result<Vec<Event>, StoreError> {
        self.database.list(|db| async move { events::among(&db, ids).await }).await
    }

    async fn attempt(
        &self,
        subject: [u8; 32],
        allowance: Allowance,
        now: Timestamp,
    ) -> Result<Option<Duration>, StoreError> {
        let take = |db| async move { attempts::take(&db, subject, allowance, now).await };
        if self.database.touch(take).await? {
            return Ok(None);
        }
        let wait = |db| async move { attempts::wait(&db, subject, allowance, now).await };
        self.database.read(wait).await.map(Some)
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.database.list(|db| async move { signing_keys::list(&db).await }).await
    }

    async fn rotate_signing_keys(
        &self,
        add: Vec<SigningKeyRow>,
        moves: Vec<KeyMove>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.database
            .write(Durable, (add, moves), move |db, with| async move {
                let (add, moves) = &*with;
                signing_keys::rotate(&db, add, moves, now).await
            })
            .await
    }

    async fn withdraw_signing_key(
        &self,
        withdrawn: KeyMove,
        add: Vec<SigningKeyRow>,
        moves: Vec<KeyMove>,
        now: Timestamp,
        deny_until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.database
            .write(Durable, (withdrawn, add, moves), move |db, with| async move {
                let (withdrawn, add, moves) = &*with;
                signing_keys::withdraw(&db, withdrawn, add, moves, now, deny_until).await
            })
            .await
    }

    async fn denied_after(&self, after: u64, limit: u32) -> Result<Denied, StoreError> {
        self.follower.after(after, limit).await
    }

    fn writes(&self) -> Result<watch::Receiver<u64>, StoreError> {
        Ok(self.news.subscribe())
    }

    async fn create_service_key(&self, key: &ServiceKey, hash: &ServiceKeyHash) -> Result<(), StoreError> {
        self.database
            .write(Durable, (key.clone(), hash.clone()), |db, with| async move {
                let (key, hash) = &*with;
                service_keys::create(&db, key, hash).await
            })
            .await
    }

    async fn service_key(&self, hash: &ServiceKeyHash) -> Result<Option<ServiceKey>, StoreError> {
        self.database.read(|db| async move { service_keys::by_hash(&db, hash).await }).await
    }

    async fn service_keys(&self) -> Result<Vec<ServiceKey>, StoreError> {
        self.database.list(|db| async move { service_keys::list(&db).await }).await
    }

    async fn revoke_service_key(&self, id: ServiceKeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.database
            .write(Durable, (), move |db, _| async move { service_keys::revoke(&db, id, at).await })
            .await
    }

    async fn secret_proof(&self, proof: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.database
            .write(Durable, (), move |db, _| async move { meta::secret_proof(&db, proof).await })
            .await
    }

    async fn ready(&self) -> Result<(), NotReady> {
        self.database.touch(|db| async move { meta::probe(&db).await }).await?;
        look(&self.database, &self.clock).await?;
        let (ours, theirs) = (self.wall.now(), self.clock.now());
        let off = ours.since(theirs).max(theirs.since(ours));
        if off > MOST_OFF { Err(NotReady::ClockOff(off)) } else { Ok(()) }
    }

    async fn sweep(&self, now: Timestamp, keep_ended: Duration) -> Result<u64, StoreError> {
        let holder = self.holder;
        self.database
            .write(Relaxed, (), move |db, _| async move { sweep::sweep(&db, holder, now, keep_ended).await })
            .await
    }
}
