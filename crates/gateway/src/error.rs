//! What does not get through, in the one JSON shape of refusals.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use countersign_core::Code;
use countersign_verifier::Refused;
use serde_json::{Value, json};

/// Why a request is not answered by the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
    /// The API cannot be reached, or broke off.
    Away,
    /// There are as many sockets as there may be.
    Full,
    /// The API did not begin its answer in time.
    Late,
    /// The request has a form that could be read in two ways.
    Malformed(&'static str),
    /// The method is not passed on.
    Method,
    /// There is nothing at this path.
    Nothing,
    /// The verifier refuses.
    Refused(Refused),
    /// The client stopped in the middle of its body.
    Stalled,
    /// The headers are larger than they may be.
    TooLarge,
}

impl Error {
    const fn status(self) -> StatusCode {
        match self {
            Self::Away => StatusCode::BAD_GATEWAY,
            Self::Full | Self::Refused(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Nothing => StatusCode::NOT_FOUND,
            Self::Stalled => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    const fn code(self) -> Code {
        match self {
            Self::Away | Self::Full | Self::Late => Code::Unavailable,
            Self::Refused(refused) => refused.code(),
            _ => Code::BadRequest,
        }
    }

    /// What the client is told.
    pub(crate) fn json(self) -> Value {
        let message = match self {
            Self::Away => "the API behind the gateway is away",
            Self::Full => "there are too many sockets",
            Self::Late => "the API behind the gateway did not answer in time",
            Self::Malformed(message) => message,
            Self::Method => "this method is not passed on",
            Self::Nothing => "there is nothing at this path",
            Self::Refused(refused) => return refused.json(),
            Self::Stalled => "the request did not go on",
            Self::TooLarge => "the headers are too large",
        };
        let code = self.code();
        json!({ "error": { "code": code.name(), "message": message, "action": code.action() } })
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        tracing::debug!(error = ?self, "a request was refused");
        let code = self.code();
        metrics::counter!("countersign_gateway_refused_total", "code" => code.name()).increment(1);
        if let Self::Refused(refused) = self {
            return refused.into_response();
        }
        let mut response = (self.status(), self.json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if code == Code::Unavailable {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
