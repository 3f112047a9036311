//! Errors on the wire: one JSON shape, from one table.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use countersign_core::code::EndReason;
use countersign_core::{Action, Code};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{Error, Wire};

/// A refusal, ready to be answered.
#[derive(Debug)]
pub(crate) struct Refused {
    wire: Wire,
    status: StatusCode,
}

/// The body of every refusal.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorAnswer {
    error: ErrorBody,
}

#[derive(Serialize, ToSchema)]
struct ErrorBody {
    /// The stable code; programs read this.
    #[schema(value_type = String, example = "SESSION_ENDED")]
    code: Code,
    /// A sentence for people.
    message: String,
    /// What the client does: `login`, `refresh`, `retry` or `fix`.
    #[schema(value_type = String, example = "login")]
    action: Action,
    /// Why the session ended: `idle`, `absolute`, `logout`, `revoked` or `reuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    reason: Option<EndReason>,
}

impl Refused {
    /// A request of the wrong form.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::with_status(StatusCode::BAD_REQUEST, message)
    }

    /// The same, where HTTP has a closer word for it.
    pub(crate) fn with_status(status: StatusCode, message: impl Into<String>) -> Self {
        Self { wire: Error::BadRequest(message.into()).wire(), status }
    }

    pub(crate) fn code(code: Code) -> Self {
        Error::Code(code).into()
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    pub(crate) fn body(&self) -> ErrorAnswer {
        let Wire { code, message, reason, .. } = self.wire.clone();
        ErrorAnswer { error: ErrorBody { code, message, action: code.action(), reason } }
    }

    /// The refusal of these words, counted.
    fn of(wire: Wire) -> Self {
        metrics::counter!("countersign_refused_total", "code" => wire.code.name()).increment(1);
        let status = StatusCode::from_u16(wire.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { wire, status }
    }
}

/// What the verifier of this process refuses.
impl From<countersign_verifier::Refused> for Refused {
    fn from(refused: countersign_verifier::Refused) -> Self {
        tracing::debug!(%refused, "a token was refused");
        let code = refused.code();
        let retry_after = (code == Code::Unavailable).then_some(1);
        Self::of(Wire { code, message: refused.message(), reason: None, retry_after })
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match &error {
            // Meant for many at once, each of whom would make a line.
            Error::Busy(_) => tracing::debug!(%error, "a request was sent away"),
            failed if failed.wire().code.status() >= 500 => tracing::error!(%error, "a request failed"),
            _ => tracing::debug!(%error, "a request was refused"),
        }
        Self::of(error.wire())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let Wire { code, retry_after, .. } = self.wire;
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3.1: no error code where no credentials were shown.
            let bare = code == Code::NoSession;
            let challenge = if bare { "Bearer" } else { "Bearer error=\"invalid_token\"" };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
