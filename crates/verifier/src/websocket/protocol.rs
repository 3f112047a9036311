use http::HeaderMap;
use http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};

/// Whether a request asks for a WebSocket.
pub fn wanted(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The two protocols by which GraphQL is spoken over a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there will be no third one of the same messages")]
pub enum Protocol {
    /// [`graphql-transport-ws`](https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md), of the npm
    /// package `graphql-ws`.
    TransportWs,
    /// [`graphql-ws`](https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md), of
    /// the npm package `subscriptions-transport-ws`. It has no pings, so its clients show a newer token on a
    /// new socket.
    Legacy,
}

impl Protocol {
    /// The first protocol of a request's list that is one of these.
    pub fn offered(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).find_map(|name| match name.trim() {
            "graphql-transport-ws" => Some(Self::TransportWs),
            "graphql-ws" => Some(Self::Legacy),
            _ => None,
        })
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TransportWs => "graphql-transport-ws",
            Self::Legacy => "graphql-ws",
        }
    }

    /// What a server says to show that it is there, and in the newer protocol to be answered.
    pub(super) const fn ping(self) -> &'static str {
        match self {
            Self::TransportWs => r#"{"type":"ping"}"#,
            Self::Legacy => r#"{"type":"ka"}"#,
        }
    }
}
