//! Minting: an access token for a server that renders a page, without touching the rotation.

use countersign_core::session::Verdict;
use countersign_core::{Code, SessionId, Timestamp};

use super::refresh::event_of;
use super::{AccessToken, App, Error, Presented};
use crate::store::{EventKind, User};

/// What a mint answers.
pub struct Minted {
    /// The access token, which lives shorter than others.
    pub access: AccessToken,
    /// The session's id.
    pub session: SessionId,
    /// Whose session it is.
    pub user: User,
    /// The server's time of the answer.
    pub now: Timestamp,
}

impl App {
    /// Answers an access token for the forwarded cookies of a page request. It never rotates and never ends a
    /// session: a slow render may show an old token.
    ///
    /// # Errors
    /// The codes of `POST /auth/mint` in PROTOCOL.md.
    pub async fn mint(&self, presented: Presented<'_>) -> Result<Minted, Error> {
        let (held, token) = self.recognise(presented).await?;
        let now = self.now();
        self.admit(&held, presented, now).await?;
        if held.session.state.judge(&token, now, self.settings.windows()) == Verdict::Reuse {
            self.store.record(event_of(&held, EventKind::MintStale, None, now)).await?;
            return Err(Error::Code(Code::RefreshTokenStale));
        }
        self.touch(&held, now).await?;
        let ttl = self.settings.mint_ttl.0.min(self.settings.access_ttl.0);
        let access = self.sign(&held.user, &held.session, ttl, now)?;
        Ok(Minted { access, session: held.session.id, user: held.user, now })
    }
}
