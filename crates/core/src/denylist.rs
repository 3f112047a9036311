//! The deny-list as it travels: what a verifier replays so that a logout reaches it without a question.
//!
//! ```text
//!  a session ends ──► entry in the outbox ──► Batch on the stream ──► every verifier's replica
//! ```
//!
//! Applying an entry twice, or late, changes nothing: of two entries of one name the later `not_after` and the
//! greater epoch count. So a stream may repeat itself, and a snapshot is merged and never replaces.

use serde::{Deserialize, Serialize};

use crate::{SessionId, Timestamp, UserId};

/// The name of the stream's events that carry a [`Batch`] of the snapshot with which a stream begins.
pub const SNAPSHOT: &str = "snapshot";
/// The name of the stream's events that carry a [`Batch`] of entries that are new.
pub const ENTRIES: &str = "entries";
/// The name of the stream's events that carry the JWKS, at the beginning and after each change of it.
pub const KEYS: &str = "keys";
/// The name of the stream's events that carry a [`Heartbeat`]. The first one says that the snapshot is whole.
pub const HEARTBEAT: &str = "heartbeat";

/// Some entries of the deny-list. The moment of each is its `not_after`, from which on it may be forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Batch {
    /// Sessions whose tokens are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<(SessionId, Timestamp)>,
    /// Users whose tokens of an epoch before this one are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<(UserId, u64, Timestamp)>,
    /// Signing keys that were withdrawn, whose tokens are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<(String, Timestamp)>,
}

impl Batch {
    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.sessions.len() + self.epochs.len() + self.keys.len()
    }

    /// Whether there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How fresh the view of the node is that a stream comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Everything that was written before this moment has been sent.
    pub as_of: Timestamp,
    /// The node's time when it said so. What a verifier's clock says is compared with it, and never trusted
    /// for the difference of the two.
    pub now: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_reads_back_and_leaves_out_what_is_empty() {
        let until = Timestamp::from_secs(1_800_000_000);
        let batch = Batch {
            sessions: vec![(SessionId::from_bytes([7; 16]), until)],
            epochs: vec![(UserId::from_bytes([8; 16]), 3, until)],
            keys: Vec::new(),
        };
        let text = serde_json::to_string(&batch).unwrap();
        assert_eq!(
            text,
            r#"{"sessions":[["ses_07070707070707070707070707070707",1800000000000]],"epochs":[["usr_08080808080808080808080808080808",3,1800000000000]]}"#
        );
        assert_eq!(serde_json::from_str::<Batch>(&text).unwrap(), batch);
        assert!(serde_json::from_str::<Batch>("{}").unwrap().is_empty());
    }
}
