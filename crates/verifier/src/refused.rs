//! Why a request is refused, and what the wire is told.

use std::time::Duration;

use countersign_core::Code;
use countersign_core::token::Reject;
use serde_json::{Value, json};

use crate::Skew;

/// A request that does not get through. `Display` is for logs; [`code`](Self::code) and
/// [`message`](Self::message) are for the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The user's roles or password changed after the token was signed.
    #[error("the token's claims are out of date")]
    ClaimsStale,
    /// A cookie or header of ours came twice, and which of the two is ours cannot be told.
    #[error("{0} came twice")]
    Doubled(&'static str),
    /// The fingerprint cookie of this name did not come.
    #[error("the fingerprint cookie {0} is missing")]
    FingerprintMissing(&'static str),
    /// The fingerprint cookie is another session's.
    #[error("the fingerprint cookie is another session's")]
    FingerprintMismatch,
    /// The page that sent it is not on the list.
    #[error("the origin is not on the list")]
    Origin,
    /// The role is not among those of the token.
    #[error("the role is not allowed")]
    Role,
    /// The token's session has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The token was refused.
    #[error("access token refused: {0}")]
    Token(Reject),
    /// The request carries no access token.
    #[error("there is no access token")]
    TokenMissing,
    /// The verifier cannot judge any token now.
    #[error("not ready: {0}")]
    Unready(Unready),
}

/// Why a verifier cannot judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// It has never had the auth server's keys and deny-list.
    #[error("the auth server has not been reached yet")]
    NeverSynced,
    /// The auth server does not accept its service key, and it has never had keys and deny-list.
    #[error("the auth server does not accept the service key of this API")]
    ServiceKey,
    /// Its clock and the auth server's differ by more than the leeway.
    #[error("the clock of this machine is {0} the auth server's")]
    Skewed(Skew),
    /// It has had no news for this long, and its policy is to refuse then.
    #[error("no news from the auth server for {0:?}")]
    Stale(Duration),
}

impl Refused {
    /// The code of the contract.
    pub const fn code(self) -> Code {
        match self {
            Self::ClaimsStale => Code::ClaimsStale,
            Self::Doubled(_) => Code::BadRequest,
            Self::FingerprintMissing(_) | Self::FingerprintMismatch => Code::FingerprintMismatch,
            Self::Origin => Code::CsrfRejected,
            Self::Role => Code::Forbidden,
            Self::SessionEnded => Code::SessionEnded,
            Self::Token(reject) => reject.code(),
            Self::TokenMissing => Code::NoSession,
            Self::Unready(_) => Code::Unavailable,
        }
    }

    /// A sentence for people, which helps no thief: what was missing, never what would have matched.
    pub fn message(self) -> String {
        match self {
            Self::Doubled(_) | Self::FingerprintMissing(_) | Self::Unready(_) => self.to_string(),
            _ => self.code().message().to_owned(),
        }
    }

    /// The one JSON shape of refusals.
    pub fn json(self) -> Value {
        let code = self.code();
        json!({ "error": { "code": code.name(), "message": self.message(), "action": code.action() } })
    }
}

impl From<Reject> for Refused {
    fn from(reject: Reject) -> Self {
        Self::Token(reject)
    }
}
