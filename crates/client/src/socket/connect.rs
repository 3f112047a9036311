//! The upgrade, by the same HTTP library as every request: the same proxies, certificates and lack of redirects.

use http::StatusCode;
use http::header::{
    CONNECTION, COOKIE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Upgraded, Url};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::answer::Head;
use crate::config::Settings;
use crate::error::Error;
use crate::session::Pass;
use crate::transport::read;

pub(super) type Stream = WebSocketStream<Upgraded>;

const PROTOCOL: HeaderValue = HeaderValue::from_static("graphql-transport-ws");

/// The longest message that is taken.
const LONGEST: usize = 4 * 1024 * 1024;

/// Opens a WebSocket. The upgrade shows the fingerprint; the token is in the first message.
pub(super) async fn open(settings: &Settings, url: &Url, pass: &Pass) -> Result<Stream, Error> {
    let key = generate_key();
    let mut request = settings
        .sockets
        .get(url.clone())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
    if let Some(cookie) = pass.jar.fingerprint() {
        request = request.header(COOKIE, cookie);
    }
    let response = request.send().await.map_err(Error::network)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let (head, body) = read(response).await?;
        let refusal = head.refusal(&body).map(Error::Refused);
        return Err(refusal.unwrap_or_else(|| head.foreign("no upgrade")));
    }
    let head = Head { status: response.status().as_u16(), headers: response.headers().clone() };
    let says = |name| head.headers.get(name).map(HeaderValue::as_bytes);
    if says(SEC_WEBSOCKET_ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_bytes())
        || says(SEC_WEBSOCKET_PROTOCOL) != Some(PROTOCOL.as_bytes())
    {
        return Err(head.foreign("no GraphQL over WebSocket"));
    }
    let upgraded = response.upgrade().await.map_err(Error::network)?;
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
}
