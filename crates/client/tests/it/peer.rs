//! A GraphQL API over WebSocket that says what a test lets it say.

use axum::http::HeaderMap;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

pub(crate) struct Api {
    pub(crate) url: String,
    listener: TcpListener,
}

/// One connection, from the side of the API.
pub(crate) struct Peer {
    /// Of the upgrade.
    pub(crate) headers: HeaderMap,
    stream: WebSocketStream<TcpStream>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { url: format!("ws://{}", listener.local_addr().unwrap()), listener }
    }

    /// The next connection, before its first message.
    pub(crate) async fn upgraded(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut headers = HeaderMap::new();
        #[expect(clippy::result_large_err, reason = "the library wants it so")]
        let look = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            headers.clone_from(request.headers());
            response.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
            Ok(response)
        };
        let stream = tokio_tungstenite::accept_hdr_async(stream, look).await.unwrap();
        Peer { headers, stream }
    }

    /// The next connection, whoever opens it, and the token it shows.
    pub(crate) async fn connected(&self) -> (Peer, String) {
        let mut peer = self.upgraded().await;
        let init = peer.hear().await;
        assert_eq!(init["type"], "connection_init");
        peer.say(json!({ "type": "connection_ack" })).await;
        (peer, init["payload"]["headers"]["Authorization"].as_str().unwrap().to_owned())
    }

    /// Answers the next request with this instead.
    pub(crate) async fn answer(&self, text: &str) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

impl Peer {
    /// The next message; null when the other side has closed, with the code.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Close(frame))) => {
                    return json!({ "closed": frame.map(|frame| u16::from(frame.code)) });
                }
                Some(Ok(_)) => (),
                Some(Err(_)) | None => return Value::Null,
            }
        }
    }

    pub(crate) async fn say(&mut self, message: Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The id of the subscription that begins now.
    pub(crate) async fn subscribed(&mut self) -> String {
        let message = self.hear().await;
        assert_eq!(message["type"], "subscribe", "{message}");
        message["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn next(&mut self, id: &str, note: u64) {
        let payload = json!({ "data": { "note": note } });
        self.say(json!({ "type": "next", "id": id, "payload": payload })).await;
    }

    pub(crate) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
        self.stream.send(Message::Close(Some(frame))).await.unwrap();
        while let Some(Ok(_)) = self.stream.next().await {}
    }
}
