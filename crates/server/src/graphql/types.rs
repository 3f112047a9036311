//! What GraphQL answers, where it differs from REST.

use async_graphql::SimpleObject;

use crate::http::view::{SessionAnswer, SessionPart, UserView};

/// What a login, sign-up or refresh answers.
#[derive(SimpleObject)]
#[expect(clippy::struct_field_names, reason = "the field is called so in REST too")]
pub(super) struct Session {
    /// The access token: keep it in memory, send it as `Authorization: Bearer …`.
    jwt: String,
    /// When the access token expires (RFC 3339).
    jwt_expiry: String,
    /// In how many seconds the access token expires.
    expires_in: u64,
    /// The server's time, in milliseconds since 1970; a Float, as an Int has 32 bits.
    server_time: f64,
    /// The refresh token, in header mode; null in cookie mode.
    refresh_token: Option<String>,
    /// The session.
    session: SessionPart,
    /// Whose session it is.
    user: UserView,
}

/// That it is done.
#[derive(SimpleObject)]
pub(super) struct Signout {
    /// Always true: a refusal is an error.
    pub(super) ok: bool,
}

impl From<SessionAnswer> for Session {
    fn from(answer: SessionAnswer) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact up to the year 287396")]
        let server_time = answer.server_time as f64;
        Self {
            jwt: answer.jwt_token,
            jwt_expiry: answer.jwt_token_expiry,
            expires_in: answer.expires_in,
            server_time,
            refresh_token: answer.refresh_token,
            session: answer.session,
            user: answer.user,
        }
    }
}
