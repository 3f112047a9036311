//! The JSON shapes of answers.

use async_graphql::SimpleObject;
use countersign_core::{SessionId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{Issued, Minted};
use crate::store::{Event, Mode, Session, User};

/// A moment as RFC 3339 writes it, in UTC.
pub fn rfc3339(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Whole seconds from `now` to `expires_at`, rounded down, but never 0 for a token that lives.
fn seconds_left(expires_at: Timestamp, now: Timestamp) -> u64 {
    expires_at.since(now).as_secs().max(1)
}

/// What a login, sign-up or refresh answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    /// The access token: keep it in memory, send it as `Authorization: Bearer …`.
    pub(crate) jwt_token: String,
    /// When the access token expires (RFC 3339).
    pub(crate) jwt_token_expiry: String,
    /// In how many seconds the access token expires.
    pub(crate) expires_in: u64,
    /// The server's time, in milliseconds since 1970.
    pub(crate) server_time: u64,
    /// The refresh token, in header mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// The session.
    pub(crate) session: SessionPart,
    /// Whose session it is.
    pub(crate) user: UserView,
}

/// The session that tokens belong to.
#[derive(Serialize, ToSchema, SimpleObject)]
#[graphql(name = "SessionState")]
pub(crate) struct SessionPart {
    #[schema(example = "ses_0193…")]
    pub(crate) id: String,
    /// Grows by one with each refresh: of two answers, the one with the greater depth is newer.
    pub(crate) depth: u32,
    /// The latest end of the session (RFC 3339).
    pub(crate) expires_at: String,
    /// In how many seconds the session ends if nobody uses it.
    pub(crate) idle_expires_in: u64,
}

/// A user, as the user sees it.
#[derive(Serialize, ToSchema, SimpleObject)]
#[graphql(name = "User")]
pub(crate) struct UserView {
    #[schema(example = "usr_0193…")]
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) username: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) default_role: String,
    /// RFC 3339.
    pub(crate) created_at: String,
}

/// What a mint answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct MintAnswer {
    /// An access token with a short life, for the rendering of one page.
    jwt_token: String,
    /// When it expires (RFC 3339).
    jwt_token_expiry: String,
    /// In how many seconds it expires.
    expires_in: u64,
    /// The server's time, in milliseconds since 1970.
    server_time: u64,
    session_id: String,
    user: UserView,
}

/// One login on one device.
#[derive(Serialize, ToSchema, SimpleObject)]
#[graphql(name = "Device")]
pub(crate) struct DeviceView {
    #[schema(example = "ses_0193…")]
    pub(crate) id: String,
    /// Whether it is the one that asks.
    pub(crate) current: bool,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// When it was last used (RFC 3339), to a tenth of its idle time.
    pub(crate) seen_at: String,
    /// Its latest end (RFC 3339).
    pub(crate) expires_at: String,
    /// The `User-Agent` at login.
    pub(crate) user_agent: Option<String>,
    /// `cookie` or `header`.
    pub(crate) mode: &'static str,
    pub(crate) remember: bool,
}

/// Something that happened to the account.
#[derive(Serialize, ToSchema, SimpleObject)]
#[graphql(name = "Event")]
pub(crate) struct EventView {
    /// Give the last one as `before` for older events.
    #[schema(example = "42")]
    pub(crate) id: String,
    /// RFC 3339.
    pub(crate) at: String,
    /// What happened.
    #[schema(example = "login")]
    pub(crate) kind: &'static str,
    pub(crate) session_id: Option<String>,
    pub(crate) detail: Option<serde_json::Value>,
}

impl From<Issued> for SessionAnswer {
    fn from(issued: Issued) -> Self {
        Self {
            jwt_token_expiry: rfc3339(issued.access.expires_at),
            expires_in: seconds_left(issued.access.expires_at, issued.now),
            jwt_token: issued.access.text,
            server_time: issued.now.as_millis(),
            refresh_token: (issued.mode == Mode::Header).then_some(issued.refresh),
            session: SessionPart {
                id: issued.session.to_string(),
                depth: issued.depth,
                expires_at: rfc3339(issued.expires_at),
                idle_expires_in: issued.idle_expires_in.as_secs(),
            },
            user: UserView::from(&issued.user),
        }
    }
}

impl From<Minted> for MintAnswer {
    fn from(minted: Minted) -> Self {
        Self {
            jwt_token_expiry: rfc3339(minted.access.expires_at),
            expires_in: seconds_left(minted.access.expires_at, minted.now),
            jwt_token: minted.access.text,
            server_time: minted.now.as_millis(),
            session_id: minted.session.to_string(),
            user: UserView::from(&minted.user),
        }
    }
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.clone(),
            username: user.username.clone(),
            roles: user.roles.clone(),
            default_role: user.default_role.clone(),
            created_at: rfc3339(user.created_at),
        }
    }
}

impl DeviceView {
    /// The view of `session` that the session `asking` gets.
    pub(crate) fn new(session: &Session, asking: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            current: session.id == asking,
            created_at: rfc3339(session.life.created_at),
            seen_at: rfc3339(session.life.seen_at),
            expires_at: rfc3339(session.life.expires_at()),
            user_agent: session.user_agent.clone(),
            mode: session.mode.name(),
            remember: session.remember,
        }
    }
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let Event { id, what } = event;
        let session_id = what.session.map(|id| id.to_string());
        Self {
            id: id.to_string(),
            at: rfc3339(what.at),
            kind: what.kind.name(),
            session_id,
            detail: what.detail,
        }
    }
}
