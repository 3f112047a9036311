use countersign_core::Code;

use crate::Refused;

/// How a socket is closed: the code of the close frame, and its reason.
///
/// The stock client of `graphql-transport-ws` connects again after 4403 and gives up for good after 4400, 4401
/// and 4429. So whatever a newer token can mend is 4403, and what only another program can is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close {
    /// The status code.
    pub code: u16,
    /// The reason: a code of the contract, or the words of the protocol.
    pub reason: &'static str,
}

impl Close {
    /// The client is done.
    pub const DONE: Self = Self { code: 1000, reason: "" };
    /// The program that serves the socket ends. The client connects again, to the next one.
    pub const ENDING: Self = Self { code: 1001, reason: "Going away" };
    /// What stands behind a proxy cannot be reached. The stock client connects again after this, and would not
    /// after 1011.
    pub const AWAY: Self = Self { code: 1013, reason: Code::Unavailable.name() };
    /// A message is larger than it may be.
    pub const TOO_LARGE: Self = Self { code: 1009, reason: "Message too large" };
    /// A message is none of the protocol.
    pub const MALFORMED: Self = Self { code: 4400, reason: Code::BadRequest.name() };
    /// The client has not said in time who it is.
    pub const LATE: Self = Self { code: 4408, reason: "Connection initialisation timeout" };
    /// The client does not answer any more.
    pub const SILENT: Self = Self { code: 4408, reason: "No answer to pings" };
    /// The client said twice who it is.
    pub const TWICE: Self = Self { code: 4429, reason: "Too many initialisation requests" };

    /// The client is refused.
    pub const fn refused(refused: Refused) -> Self {
        Self::coded(refused.code())
    }

    /// The client is refused, for the reason of this code.
    pub const fn coded(code: Code) -> Self {
        match code {
            Code::BadRequest => Self::MALFORMED,
            _ => Self { code: 4403, reason: code.name() },
        }
    }
}
