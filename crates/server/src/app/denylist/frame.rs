//! The stream's events as bytes: server-sent events
//! ([the HTML standard, section 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html)). What goes to
//! many is encoded once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign_core::denylist::{Batch, ENTRIES, HEARTBEAT, Heartbeat, KEYS, SNAPSHOT};
use serde::Serialize;

use crate::app::Error;

/// A run of this process. A place in its log means nothing to another.
pub(super) struct Node(String);

impl Node {
    pub(super) fn new(random: [u8; 8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(random))
    }

    /// The place that a `Last-Event-ID` names, if it is one of this node.
    pub(super) fn place(&self, id: &str) -> Option<u64> {
        id.strip_prefix(&self.0)?.strip_prefix('.')?.parse().ok()
    }

    pub(super) fn entries(&self, place: u64, batch: &Batch) -> Result<Bytes, Error> {
        Ok(self.placed(ENTRIES, place, &json(batch)?))
    }

    pub(super) fn heartbeat(&self, place: u64, heartbeat: Heartbeat) -> Result<Bytes, Error> {
        Ok(self.placed(HEARTBEAT, place, &json(&heartbeat)?))
    }

    /// The keys after a change of them.
    pub(super) fn keys(&self, place: u64, jwks: &str) -> Bytes {
        self.placed(KEYS, place, jwks)
    }

    fn placed(&self, event: &str, place: u64, data: &str) -> Bytes {
        format!("event: {event}\nid: {}.{place}\ndata: {data}\n\n", self.0).into()
    }
}

/// The keys with which a stream begins.
pub(super) fn keys(jwks: &str) -> Bytes {
    unplaced(KEYS, jwks)
}

/// A piece of a snapshot. It has no id: who has seen one piece has not seen all.
pub(super) fn snapshot(batch: &Batch) -> Result<Bytes, Error> {
    Ok(unplaced(SNAPSHOT, &json(batch)?))
}

fn unplaced(event: &str, data: &str) -> Bytes {
    format!("event: {event}\ndata: {data}\n\n").into()
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal(error.to_string()))
}
