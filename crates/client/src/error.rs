use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::code::EndReason;
use countersign_core::{Action, Code};

/// Why nothing came of it. [`action`](Self::action) says what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A server closed the GraphQL connection, and opening it again cannot help.
    #[error("the connection was closed ({code}): {reason}")]
    Closed {
        /// The code of the close frame.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// What answered is not the auth server, or not the one that this client knows: a captive portal, a proxy.
    #[error("not an answer of the auth server (status {status}): {fault}")]
    Foreign {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        fault: &'static str,
        /// How long to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// The work was broken off, as its task or runtime ended.
    #[error("broken off")]
    Interrupted,
    /// Events came faster than the program took them, and more than 1,024 waited.
    #[error("events came faster than they were taken")]
    Lagged,
    /// Nothing came through the network.
    #[error("the network failed: {0}")]
    Network(#[source] Arc<reqwest::Error>),
    /// The operation of a subscription failed, with these GraphQL errors.
    #[error("the operation failed")]
    Operation(Vec<serde_json::Value>),
    /// The server refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request cannot be made: it has no valid form.
    #[error("no request: {0}")]
    Request(#[source] Arc<reqwest::Error>),
    /// There is no session.
    #[error("signed out: {0}")]
    SignedOut(SignedOut),
    /// The store of the session failed, or holds what is no session of this server.
    #[error("the session's store: {0}")]
    Store(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// No answer came within the flight time.
    #[error("no answer in time")]
    Timeout,
    /// The address is not one of an origin of the configuration.
    #[error("{0} is of no origin that may see tokens")]
    Untrusted(String),
}

/// A refusal of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{name}: {message}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code, if this client knows it.
    pub code: Option<Code>,
    /// The code as the server wrote it.
    pub name: String,
    /// What to do about it.
    pub action: Action,
    /// Why the session ended, with [`Code::SessionEnded`].
    pub reason: Option<EndReason>,
    /// The sentence for people.
    pub message: String,
    /// How long to wait, if it says so.
    pub retry_after: Option<Duration>,
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedOut {
    /// Another program that uses the same store has ended or replaced the session.
    Elsewhere,
    /// The server says that the session is over.
    Ended(Refusal),
    /// Nobody has signed in.
    Never,
    /// [`logout`](crate::Client::logout) was called.
    User,
}

impl fmt::Display for SignedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere => f.write_str("another program ended the session"),
            Self::Ended(refusal) => refusal.fmt(f),
            Self::Never => f.write_str("nobody has signed in"),
            Self::User => f.write_str("logged out"),
        }
    }
}

impl Error {
    /// The code of the contract, if a server named one that this client knows.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(refusal) | Self::SignedOut(SignedOut::Ended(refusal)) => refusal.code,
            _ => None,
        }
    }

    /// What to do about it.
    pub const fn action(&self) -> Action {
        match self {
            Self::Foreign { .. } | Self::Interrupted | Self::Network(_) | Self::Timeout => Action::Retry,
            Self::Refused(refusal) => refusal.action,
            Self::Closed { .. }
            | Self::Lagged
            | Self::Operation(_)
            | Self::Request(_)
            | Self::Store(_)
            | Self::Untrusted(_) => Action::Fix,
            Self::SignedOut(_) => Action::Login,
        }
    }

    /// How long to wait before the next try, if the server said so.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Foreign { retry_after, .. } => *retry_after,
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    pub(crate) fn network(error: reqwest::Error) -> Self {
        // The address may hold what is secret to somebody.
        Self::Network(Arc::new(error.without_url()))
    }

    pub(crate) fn store(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Store(Arc::from(error.into()))
    }
}
