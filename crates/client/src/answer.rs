//! What the auth server answers, judged: anything else than the contract is [`Error::Foreign`].

use std::time::Duration;

use countersign_core::code::EndReason;
use countersign_core::{Action, Code, SessionId, UserId};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Error, Refusal};

/// The longest answer that is read.
pub(crate) const LONGEST: usize = 64 * 1024;

/// The longest time that a server can make us wait.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// A user, as the server describes them to themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address.
    pub email: String,
    /// Their user name, if they have one.
    pub username: Option<String>,
    /// What they may be.
    pub roles: Vec<String>,
    /// What they are unless they ask for another role.
    pub default_role: String,
}

/// What a login or refresh answers.
#[derive(Deserialize)]
pub(crate) struct Issued {
    pub(crate) jwt_token: Zeroizing<String>,
    pub(crate) expires_in: u64,
    pub(crate) refresh_token: Option<Zeroizing<String>>,
    pub(crate) session: IssuedSession,
    pub(crate) user: User,
}

#[derive(Deserialize)]
pub(crate) struct IssuedSession {
    pub(crate) id: SessionId,
    pub(crate) depth: u32,
}

/// What a logout answers.
#[derive(Deserialize)]
pub(crate) struct Done {
    pub(crate) ok: bool,
}

#[derive(Deserialize)]
struct RefusedBody {
    error: RefusedError,
}

#[derive(Deserialize)]
struct RefusedError {
    code: String,
    action: String,
    #[serde(default)]
    message: String,
    reason: Option<String>,
}

/// The head of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
}

impl Head {
    /// This answer as a fault of whoever sent it.
    pub(crate) fn foreign(&self, fault: &'static str) -> Error {
        Error::Foreign { status: self.status, fault, retry_after: self.retry_after() }
    }

    /// Reads the body as what was asked for.
    pub(crate) fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Error> {
        if !self.is_json() {
            return Err(self.foreign("no JSON"));
        }
        match self.status {
            200 | 201 => serde_json::from_slice(body).map_err(|_| self.foreign("JSON of another shape")),
            300..=399 => Err(self.foreign("a redirect")),
            _ => Err(self.refusal(body).map_or_else(|| self.foreign("no refusal of ours"), Error::Refused)),
        }
    }

    /// The refusal that this is, if it is one of the contract.
    pub(crate) fn refusal(&self, body: &[u8]) -> Option<Refusal> {
        if !self.is_json() || !(400..=599).contains(&self.status) {
            return None;
        }
        let RefusedBody { error } = serde_json::from_slice(body).ok()?;
        let code = Code::ALL.iter().copied().find(|code| code.name() == error.code);
        let actions = [Action::Fix, Action::Login, Action::Refresh, Action::Retry];
        let action = actions.into_iter().find(|action| action.name() == error.action);
        Some(Refusal {
            status: self.status,
            code,
            action: code.map(Code::action).or(action)?,
            name: error.code,
            reason: error.reason.as_deref().and_then(EndReason::from_name),
            message: error.message,
            retry_after: self.retry_after(),
        })
    }

    pub(crate) fn is_json(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    }

    /// Of the two forms of the header only the number: a date would be judged by this machine's clock.
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
    }
}
