//! What can go wrong between a use case and its answer, and whether a second try may go better.

use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// Why statements did not come to their end.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server refused, or cannot be reached any more.
    Postgres(tokio_postgres::Error),
    /// There is no connection to be had.
    Unreachable(String),
    /// The connection was lost before anything was changed.
    Unbegun(String),
    /// A row holds what it should not.
    Row(String),
    /// Another transaction was faster in a way that only a new one can see.
    Overtaken,
    /// The server committed with a warning: what was to be on disk, and on the standby, may not be.
    Warned,
}

impl Fault {
    /// Whether the same transaction may succeed if it is tried again: nothing of it was kept.
    pub(super) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Postgres(error) => error.code().is_some_and(|code| {
                [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED].contains(&code)
            }),
            Self::Overtaken | Self::Unbegun(_) => true,
            _ => false,
        }
    }

    /// The fault of a statement before which nothing was changed: if the connection was lost, as after a restart of
    /// the server, another may do.
    pub(super) fn unbegun(self) -> Self {
        match self {
            Self::Postgres(error) => match error.as_db_error() {
                Some(refused) if !refused.code().code().starts_with("57P") => Self::Postgres(error),
                _ => Self::Unbegun(said(&error)),
            },
            other => other,
        }
    }

    /// Whether the connection is as good as before, once rolled back: the fault was of the statement, and not of
    /// the server or of what this connection knows of it.
    pub(super) fn spares_connection(&self) -> bool {
        match self {
            Self::Postgres(error) => error.code().is_some_and(|code| {
                // A constraint, a conflict; a lock that was not to be had; a statement that took too long.
                ["23", "40"].contains(&code.code().get(..2).unwrap_or_default())
                    || [&SqlState::LOCK_NOT_AVAILABLE, &SqlState::QUERY_CANCELED].contains(&code)
            }),
            Self::Row(_) | Self::Overtaken | Self::Warned => true,
            Self::Unreachable(_) | Self::Unbegun(_) => false,
        }
    }

    /// Whether a lock was not to be had in time.
    pub(super) fn is_of_a_lock(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        Self(match fault {
            Fault::Postgres(error) => said(&error),
            Fault::Unreachable(why) | Fault::Unbegun(why) | Fault::Row(why) => why,
            Fault::Overtaken => "too many transactions want the same".to_owned(),
            Fault::Warned => "the server committed with a warning: no standby may have it".to_owned(),
        })
    }
}

/// The error and its causes, without the detail of a constraint, which holds what somebody typed.
pub(super) fn said(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        if *error.code() == SqlState::READ_ONLY_SQL_TRANSACTION {
            return "the server is a standby, and takes no writes".to_owned();
        }
        return format!("{} ({})", error.message(), error.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    if text.ends_with("database does not allow writes") {
        return format!("{text}: the server is a standby");
    }
    text
}
