//! The silent refresh: one read, one verdict, at most one write.

use countersign_core::Timestamp;
use countersign_core::code::EndReason;
use countersign_core::session::{Life, Place, RefreshToken, State, Verdict};
use countersign_core::{Code, Secret, SessionId};
use metrics::counter;
use serde_json::json;

use super::{App, Error, Issued, Presented};
use crate::store::{EventKind, Held, NewEvent, Session};

/// A lost compare-and-swap is judged again; with the newer state it is a repeat. More rounds than this mean
/// that something else is wrong.
const ROUNDS: usize = 4;

impl App {
    /// Exchanges a refresh token for an access token and its child, by the refresh rule.
    ///
    /// # Errors
    /// The codes of `POST /auth/refresh` in PROTOCOL.md.
    pub async fn refresh(&self, presented: Presented<'_>) -> Result<Issued, Error> {
        for _ in 0..ROUNDS {
            let (held, token) = self.recognise(presented).await?;
            let now = self.now();
            self.admit(&held, presented, now).await?;
            let verdict = held.session.state.judge(&token, now, self.settings.windows());
            let stood = match (&verdict, verdict.next()) {
                (Verdict::Reuse, _) => self.end_reused(&held, &token, now).await?,
                (_, Some(next)) => self.confirm(&held, &next).await?,
                (_, None) => true,
            };
            if !stood {
                continue;
            }
            counter!("countersign_refresh_total", "verdict" => verdict.name()).increment(1);
            // What the answer says of the session is what the database holds of it.
            let (state, seen_at) = match verdict {
                Verdict::Adopt(next) => {
                    self.record_adoption(&held, &token, now).await?;
                    (next, next.confirmed_at)
                }
                Verdict::Confirm(next) | Verdict::Switch(next) => (next, next.confirmed_at),
                Verdict::Repeat => (held.session.state, self.touch(&held, now).await?),
                Verdict::Reuse => return Err(Error::Ended(Some(EndReason::Reuse))),
            };
            let session = Session { life: Life { seen_at, ..held.session.life }, state, ..held.session };
            return self.hand_out(&Held { session, ..held }, now);
        }
        Err(Error::Code(Code::Unavailable))
    }

    /// Gives a header-mode tab that received or duplicated a session one of its own: same user, fingerprint and
    /// latest end, and it ends with the one it came from. Judged as a mint is: it confirms nothing, ends nothing.
    ///
    /// # Errors
    /// The codes of `POST /auth/refresh` with `fork`, in PROTOCOL.md.
    pub async fn fork(&self, presented: Presented<'_>, user_agent: Option<String>) -> Result<Issued, Error> {
        let (held, token) = self.recognise(presented).await?;
        let now = self.now();
        self.admit(&held, presented, now).await?;
        if held.session.state.judge(&token, now, self.settings.windows()) == Verdict::Reuse {
            return Err(Error::Code(Code::RefreshTokenStale));
        }
        let parent = held.session.parent.unwrap_or(held.session.id);
        let absolute = held.session.life.expires_at().since(now);
        let session = Session {
            id: SessionId::at(now, self.random.bytes()?),
            parent: Some(parent),
            state: State::first(now),
            salt: Secret::fill_with(|out| self.random.fill(out))?,
            life: Life { created_at: now, seen_at: now, idle: held.session.life.idle, absolute },
            user_agent,
            ..held.session
        };
        let event = NewEvent {
            at: now,
            kind: EventKind::Fork,
            user: held.user.id,
            session: Some(session.id),
            detail: Some(json!({ "parent": parent })),
        };
        let fork = Held { session, user: held.user };
        let issued = self.issue(&fork, fork.session.state.place, now)?;
        if self.store.create_session(fork.session, event).await? {
            Ok(issued)
        } else {
            Err(Error::Ended(None))
        }
    }

    /// What a refresh answers: the child of the confirmed token.
    fn hand_out(&self, held: &Held, now: Timestamp) -> Result<Issued, Error> {
        let child = held.session.state.child(now, self.settings.windows());
        self.issue(held, child, now)
    }

    /// Signs an access token and seals the refresh token at `place`.
    pub(super) fn issue(&self, held: &Held, place: Place, now: Timestamp) -> Result<Issued, Error> {
        let Held { session, user } = held;
        let access = self.sign(user, session, self.settings.access_ttl.0, now)?;
        let refresh = RefreshToken { user: user.id, session: session.id, place, issued: now };
        Ok(Issued {
            access,
            refresh: refresh.seal(&self.mac, &session.salt),
            fingerprint: None,
            session: session.id,
            depth: place.depth,
            expires_at: session.life.expires_at(),
            idle_expires_in: session.life.idle_expires_in(now),
            mode: session.mode,
            remember: session.remember,
            user: user.clone(),
            now,
        })
    }

    /// Notes that the session was used, if that is worth a write; answers since when it counts as unused.
    pub(super) async fn touch(&self, held: &Held, now: Timestamp) -> Result<Timestamp, Error> {
        if !held.session.life.wants_seen(now) {
            return Ok(held.session.life.seen_at);
        }
        self.store.touch(held.user.id, held.session.id, now).await?;
        Ok(now)
    }

    /// False if the state is no longer the one that was judged.
    async fn confirm(&self, held: &Held, next: &State) -> Result<bool, Error> {
        Ok(self.store.confirm(held.user.id, held.session.id, &held.session.state, next).await?)
    }

    async fn record_adoption(&self, held: &Held, token: &RefreshToken, now: Timestamp) -> Result<(), Error> {
        tracing::warn!(session = %held.session.id, "adopted a refresh token newer than the database: a commit was lost");
        let depths = json!({ "depth": held.session.state.place.depth, "shown": token.place.depth });
        self.store.record(event_of(held, EventKind::Adopt, Some(depths), now)).await?;
        Ok(())
    }

    /// False if the state is no longer the one that was judged.
    async fn end_reused(&self, held: &Held, token: &RefreshToken, now: Timestamp) -> Result<bool, Error> {
        let depths = json!({ "depth": held.session.state.place.depth, "shown": token.place.depth });
        let event = event_of(held, EventKind::Reuse, Some(depths), now);
        let Session { id, state, .. } = &held.session;
        let ended = self.store.end_reused(held.user.id, *id, state, event, self.deny_until(now)).await?;
        if ended {
            tracing::warn!(session = %id, user = %held.user.id, "an old refresh token was shown: session ended");
        }
        Ok(ended)
    }
}

/// An event of this session.
pub(super) fn event_of(
    held: &Held,
    kind: EventKind,
    detail: Option<serde_json::Value>,
    at: Timestamp,
) -> NewEvent {
    NewEvent { at, kind, user: held.user.id, session: Some(held.session.id), detail }
}
