//! The envelope of a message. What is passed on is written anew from what was read, so that nobody behind reads
//! it another way: no member twice, none in another case, none that is not of the protocol.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Protocol;

#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Message<'m> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'m, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'m, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    payload: Option<&'m RawValue>,
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Init,
    Ping,
    Pong,
    /// It begins or ends an operation.
    Operation,
    Terminate,
}

impl<'m> Message<'m> {
    pub(super) fn parse(text: &'m str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What it is for; `None` if a client does not say this in the protocol.
    pub(super) fn kind(&self, protocol: Protocol) -> Option<Kind> {
        match (protocol, self.kind.as_ref()) {
            (_, "connection_init") => Some(Kind::Init),
            (Protocol::TransportWs, "ping") => Some(Kind::Ping),
            (Protocol::TransportWs, "pong") => Some(Kind::Pong),
            (Protocol::TransportWs, "subscribe") | (Protocol::Legacy, "start") => {
                (self.named() && self.payload.is_some()).then_some(Kind::Operation)
            }
            (Protocol::TransportWs, "complete") | (Protocol::Legacy, "stop") => {
                self.named().then_some(Kind::Operation)
            }
            (Protocol::Legacy, "connection_terminate") => Some(Kind::Terminate),
            _ => None,
        }
    }

    /// The payload as an object, empty if there is none; `None` if it is something else.
    pub(super) fn object(&self) -> Option<Map<String, Value>> {
        self.payload.map_or_else(|| Some(Map::new()), |raw| serde_json::from_str(raw.get()).ok())
    }

    /// What the message shows, if it is there to show a newer token; an empty text where it shows none.
    pub(super) fn reauth(&self) -> Option<String> {
        let payload = self.object()?;
        let shown = payload.get("authorization").and_then(Value::as_str).unwrap_or_default();
        (payload.get("type")? == "reauth").then(|| shown.to_owned())
    }

    /// The message, as it is passed on.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The answer to this ping.
    pub(super) fn pong(&self) -> String {
        Self { kind: "pong".into(), id: None, payload: self.payload }.text()
    }

    fn named(&self) -> bool {
        self.id.as_ref().is_some_and(|id| !id.is_empty())
    }
}

pub(super) fn init(payload: &Map<String, Value>) -> String {
    json!({ "type": "connection_init", "payload": payload }).to_string()
}

pub(super) fn reauth(ok: bool) -> String {
    json!({ "type": "pong", "payload": { "type": "reauth", "ok": ok } }).to_string()
}
