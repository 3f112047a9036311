//! What a use case can fail with, and the one place that turns it into what the wire may say.

use std::time::Duration;

use countersign_core::Code;
use countersign_core::code::EndReason;
use countersign_core::token::Reject;

use super::names::NameFault;
use super::passwords::PasswordError;
use crate::random::RandomError;
use crate::seal::SealError;
use crate::store::{NotReady, StoreError};

/// A refused or failed use case. `Display` is for logs and never leaves the server; [`Error::wire`] does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request of the wrong form; the text says what is wrong and names no secret.
    #[error("{0}")]
    BadRequest(String),
    /// Others are served before; there may be room after this time.
    #[error("busy for {0:?}")]
    Busy(Duration),
    /// A refusal that needs no more words than its code.
    #[error("{}", .0.message())]
    Code(Code),
    /// The session is over. The reason is told only to who has shown token and fingerprint.
    #[error("session ended: {0:?}")]
    Ended(Option<EndReason>),
    /// Something of ours failed; the text is for the log.
    #[error("{0}")]
    Internal(String),
    /// Too many attempts; the next may come after this time.
    #[error("rate limited for {0:?}")]
    Limited(Duration),
    /// This node should be asked nothing now; the text says why, and is for everybody.
    #[error("{0}")]
    NotReady(String),
    /// The password threads cannot take more.
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    /// The database cannot answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An access token was refused.
    #[error("access token refused: {0}")]
    Token(#[from] Reject),
}

/// What the wire says of an [`Error`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// The stable code.
    pub code: Code,
    /// A sentence for people.
    pub message: String,
    /// Why the session ended, with [`Code::SessionEnded`].
    pub reason: Option<EndReason>,
    /// After how many seconds to come back.
    pub retry_after: Option<u64>,
}

impl Error {
    /// The public half of the error.
    pub fn wire(&self) -> Wire {
        let (code, reason, retry_after) = match self {
            Self::BadRequest(_) => (Code::BadRequest, None, None),
            Self::Busy(wait) => (Code::Unavailable, None, Some(wait.as_secs().max(1))),
            Self::Code(code) => (*code, None, (*code == Code::Unavailable).then_some(1)),
            Self::Ended(reason) => (Code::SessionEnded, *reason, None),
            Self::Limited(wait) => (Code::RateLimited, None, Some(wait.as_secs() + 1)),
            Self::Internal(_) | Self::NotReady(_) | Self::Passwords(_) | Self::Store(_) => {
                (Code::Unavailable, None, Some(1))
            }
            Self::Token(reject) => (reject.code(), None, None),
        };
        let message = match self {
            Self::BadRequest(what) | Self::NotReady(what) => what.clone(),
            _ => code.message().to_owned(),
        };
        Wire { code, message, reason, retry_after }
    }
}

impl From<NameFault> for Error {
    fn from(fault: NameFault) -> Self {
        Self::BadRequest(fault.to_string())
    }
}

impl From<NotReady> for Error {
    fn from(why: NotReady) -> Self {
        match why {
            NotReady::ClockOff(_) => Self::NotReady(why.to_string()),
            NotReady::Store(error) => Self::Store(error),
        }
    }
}

impl From<RandomError> for Error {
    fn from(error: RandomError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        Self::Internal(error.to_string())
    }
}
