//! Logging in: always a new session id and a new fingerprint, whatever cookies came along.

use countersign_core::code::EndReason;
use countersign_core::session::{Life, State};
use countersign_core::token::FingerprintCookie;
use countersign_core::{Code, Secret, SessionId, Timestamp};
use serde_json::json;
use zeroize::Zeroizing;

use super::refresh::event_of;
use super::{App, Caller, Error, Issued, names};
use crate::store::{EventKind, Held, Mode, NameKey, NewEvent, Session, User};

/// A name and a password.
pub struct Credentials {
    /// The e-mail address or user name.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
}

/// How the new session shall be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Login {
    /// Whether it outlives the browser.
    pub remember: bool,
    /// How its tokens travel.
    pub mode: Mode,
}

impl App {
    /// Opens a session for somebody who knows the password.
    ///
    /// # Errors
    /// The codes of `POST /auth/login` in PROTOCOL.md.
    pub async fn login(&self, who: Credentials, how: Login, caller: Caller) -> Result<Issued, Error> {
        self.check_mode(how.mode)?;
        // A text that cannot be a name is nobody's: the same answer, after the same work.
        let name = names::either(&who.name).ok();
        let key = name.as_ref().map_or(who.name.as_str(), NameKey::as_str);
        let came_along = self.session_that_came_along(&caller).await?;
        let user = match &name {
            Some(name) => self.store.user_by_name(name).await?,
            None => None,
        };
        self.allow_login(key, user.as_ref(), came_along.as_ref(), &caller).await?;
        let may = |user: &&User| !user.disabled && !user.password.is_empty();
        let hash = user.as_ref().filter(may).map(|user| user.password.as_str());
        let checked = self.passwords.verify(who.password, hash, self.random.bytes()?).await?;
        match user {
            Some(user) if checked.right => {
                if let Some(better) = checked.better {
                    self.store.upgrade_password(user.id, &user.password, &better).await?;
                }
                self.open_session(user, how, caller, came_along, EventKind::Login).await
            }
            Some(user) => {
                let event = NewEvent {
                    at: self.now(),
                    kind: EventKind::LoginFailed,
                    user: user.id,
                    session: None,
                    detail: caller.user_agent.map(|agent| json!({ "user_agent": agent })),
                };
                self.store.record(event).await?;
                Err(Error::Code(Code::CredentialsInvalid))
            }
            None => Err(Error::Code(Code::CredentialsInvalid)),
        }
    }

    pub(super) fn check_mode(&self, mode: Mode) -> Result<(), Error> {
        if mode == Mode::Header && !self.settings.header_mode {
            return Err(Error::BadRequest("mode: header mode is switched off".into()));
        }
        Ok(())
    }

    /// By account first, then by address. Who comes with a fingerprint cookie of that account has an allowance
    /// of their own, so that strangers who guess cannot keep them out.
    async fn allow_login(
        &self,
        key: &str,
        user: Option<&User>,
        came_along: Option<&Held>,
        caller: &Caller,
    ) -> Result<(), Error> {
        let known = came_along.filter(|held| user.is_some_and(|user| user.id == held.user.id));
        let account = self.settings.login_account_limit;
        let (what, subject) = match (known, user) {
            (Some(held), _) => ("login device", held.session.id.as_bytes().as_slice()),
            // Both names of an account share one allowance.
            (None, Some(user)) => ("login account", user.id.as_bytes().as_slice()),
            (None, None) => ("login account", key.as_bytes()),
        };
        self.allow(account, what, subject).await?;
        self.allow(self.settings.login_address_limit, "login address", caller.address.to_string().as_bytes())
            .await
    }

    pub(super) async fn session_that_came_along(&self, caller: &Caller) -> Result<Option<Held>, Error> {
        match &caller.fingerprint {
            Some(cookie) => Ok(self.store.session_by_fingerprint(cookie.hash().as_bytes()).await?),
            None => Ok(None),
        }
    }

    /// Creates the session, then ends the one whose cookies this one's replace.
    pub(super) async fn open_session(
        &self,
        user: User,
        how: Login,
        caller: Caller,
        came_along: Option<Held>,
        kind: EventKind,
    ) -> Result<Issued, Error> {
        let now = self.now();
        let cookie = FingerprintCookie::new(Secret::fill_with(|out| self.random.fill(out))?);
        let (idle, absolute) = self.settings.lives(how.remember);
        let session = Session {
            user: user.id,
            id: SessionId::at(now, self.random.bytes()?),
            parent: None,
            state: State::first(now),
            salt: Secret::fill_with(|out| self.random.fill(out))?,
            fingerprint: cookie.hash(),
            mode: how.mode,
            remember: how.remember,
            life: Life { created_at: now, seen_at: now, idle, absolute },
            user_agent: caller.user_agent,
            ended: None,
        };
        let held = Held { session, user };
        let event = event_of(&held, kind, Some(json!({ "mode": how.mode, "remember": how.remember })), now);
        let issued =
            Issued { fingerprint: Some(cookie), ..self.issue(&held, held.session.state.place, now)? };
        if !self.store.create_session(held.session, event).await? {
            return Err(Error::Internal("a session without parent was not created".into()));
        }
        if let Some(old) = came_along {
            self.end_replaced(&old, now).await?;
        }
        Ok(issued)
    }

    async fn end_replaced(&self, old: &Held, now: Timestamp) -> Result<(), Error> {
        if old.session.ended.is_some() {
            return Ok(());
        }
        let event = event_of(old, EventKind::Logout, Some(json!({ "replaced": true })), now);
        let root = old.session.parent.unwrap_or(old.session.id);
        self.store.end_session(old.user.id, root, EndReason::Logout, event, self.deny_until(now)).await?;
        Ok(())
    }
}
