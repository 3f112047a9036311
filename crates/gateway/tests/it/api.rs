//! An API behind the gateway, which tells what it saw.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::gate::serve;

pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    /// How many requests it had.
    pub(crate) asked: Arc<AtomicUsize>,
    /// What its sockets saw.
    pub(crate) seen: mpsc::UnboundedReceiver<Value>,
}

impl Api {
    pub(crate) async fn start() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let (tell, seen) = mpsc::unbounded_channel();
        let count = Arc::clone(&asked);
        let router = Router::new()
            .route("/stream", post(async |request: Request| Response::new(request.into_body())))
            .route("/count", post(async |body: Bytes| body.len().to_string()))
            .route("/never", any(async || std::future::pending::<()>().await))
            .route("/events", get(events))
            .route("/cors", get(cors))
            .route("/cookies", get(cookies))
            .route(
                "/graphql",
                get(async move |headers: HeaderMap, upgrade: WebSocketUpgrade| {
                    upgrade
                        .protocols(["graphql-transport-ws", "graphql-ws"])
                        .on_upgrade(async move |socket| converse(socket, &headers, &tell).await)
                }),
            )
            .fallback(echo)
            .layer(axum::middleware::map_request(move |request: Request| {
                count.fetch_add(1, Ordering::Relaxed);
                std::future::ready(request)
            }));
        Self { address: serve(router).await, asked, seen }
    }
}

fn pairs(headers: &HeaderMap) -> Vec<Value> {
    headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect()
}

async fn echo(request: Request) -> Json<Value> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8_lossy(&body);
    Json(
        json!({ "method": parts.method.as_str(), "uri": parts.uri.to_string(), "headers": pairs(&parts.headers), "body": body }),
    )
}

/// Says one thing, and never ends.
async fn events() -> Response {
    let once = stream::iter([Ok::<_, std::io::Error>("data: 1\n\n")]);
    let body = Body::from_stream(once.chain(stream::pending()));
    ([("content-type", "text/event-stream; charset=utf-8")], body).into_response()
}

async fn cors() -> impl IntoResponse {
    [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-headers", "x-evil"),
        ("x-hasura-admin-secret", "told"),
    ]
}

async fn cookies() -> Response {
    let mut response = StatusCode::OK.into_response();
    for cookie in ["__Host-csfp=planted; Path=/", "theme=dark", "csrt=1"] {
        response.headers_mut().append("set-cookie", cookie.parse().unwrap());
    }
    response.headers_mut().insert("connection", "x-internal".parse().unwrap());
    response.headers_mut().insert("x-internal", "1".parse().unwrap());
    response
}

/// Tells what it saw of the upgrade and each message, acknowledges the first, and says every other again.
async fn converse(mut socket: WebSocket, headers: &HeaderMap, tell: &mpsc::UnboundedSender<Value>) {
    let _unread = tell.send(json!({ "headers": pairs(headers) }));
    while let Some(Ok(message)) = socket.next().await {
        let said = match message {
            Message::Text(text) => serde_json::from_str::<Value>(&text).unwrap(),
            Message::Close(frame) => {
                let _unread = tell.send(json!({ "closed": frame.map(|frame| frame.code) }));
                continue;
            }
            _ => continue,
        };
        let _unread = tell.send(said.clone());
        if said["payload"]["flood"] == true {
            let told = if flood(&mut socket).await { "all" } else { "held back" };
            let _unread = tell.send(json!({ "flood": told }));
            continue;
        }
        if said["payload"]["close"] == true {
            let frame = CloseFrame { code: 4999, reason: "as asked".into() };
            let _gone = socket.send(Message::Close(Some(frame))).await;
            continue;
        }
        let answer =
            if said["type"] == "connection_init" { json!({ "type": "connection_ack" }) } else { said };
        let _gone = socket.send(Message::Text(answer.to_string().into())).await;
    }
}

/// Says more than any buffer on the way should take; answers whether all of it was taken.
async fn flood(socket: &mut WebSocket) -> bool {
    let answer = json!({ "type": "next", "id": "1", "payload": "x".repeat(1 << 20) }).to_string();
    for _ in 0..256 {
        let sent =
            tokio::time::timeout(Duration::from_secs(2), socket.send(Message::Text(answer.clone().into())));
        if !matches!(sent.await, Ok(Ok(()))) {
            return false;
        }
    }
    true
}
