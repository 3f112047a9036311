use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Data, Executor};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::future::join;
use futures_util::{Sink, SinkExt, Stream, StreamExt, sink, stream};
use tokio::sync::mpsc;

use super::bounded::Bounded;
use crate::websocket::{Close, Guard, Step};

/// Messages that wait for the client to read. The schema's streams wait with them.
const WAITING: usize = 8;
/// How long the client may take to answer a close frame.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// One socket, from the upgrade to its end.
pub(super) struct Conversation<E> {
    pub(super) guard: Arc<Guard>,
    pub(super) executor: Bounded<E>,
    pub(super) spoken: GraphQLProtocol,
    pub(super) data: Data,
}

impl<E: Executor> Conversation<E> {
    pub(super) async fn hold(self, socket: WebSocket) {
        let Self { guard, executor, spoken, data } = self;
        let (mut to_client, mut from_client) = socket.split();
        let (outbox, mut written) = mpsc::channel(WAITING);
        let heard = heard(&mut from_client, &guard, outbox.clone());
        let asking = outbox.downgrade();
        // Only an init that the guard has accepted is heard; async-graphql has nothing to ask of it.
        let serve = GraphQLWebSocket::new_with_pair(said(outbox), heard, executor, spoken);
        let serve = serve.with_data(data).serve();
        let write = async {
            while let Some(message) = written.recv().await {
                if to_client.send(message).await.is_err() {
                    // The client has gone: nobody waits for a place any more.
                    written.close();
                }
            }
        };
        let silent = guard.silent(|ping| {
            let asking = asking.upgrade();
            async move {
                let Some(asking) = asking else { return };
                for message in [Message::Text(Utf8Bytes::from_static(ping)), Message::Ping(Bytes::new())] {
                    let _gone = asking.send(message).await;
                }
            }
        });
        // What goes on for the client is dropped here, before it is told.
        let close = tokio::select! {
            biased;
            close = guard.over() => Some(close),
            close = silent => Some(close),
            _ = join(serve, write) => None,
        };
        let farewell = async {
            if let Some(close) = close {
                tracing::debug!(?close, "a socket is closed");
                let _gone = to_client.send(frame(close)).await;
            }
            // A socket that is dropped with something unread takes the close frame along with it.
            while let Some(Ok(_)) = from_client.next().await {}
        };
        let _silent = tokio::time::timeout(CLOSE_WITHIN, farewell).await;
    }
}

/// What the client says, so far as the guard passes it on.
fn heard<'s>(
    socket: &'s mut (impl Stream<Item = Result<Message, axum::Error>> + Unpin),
    guard: &'s Guard,
    outbox: mpsc::Sender<Message>,
) -> impl Stream<Item = Result<Message, axum::Error>> + 's {
    stream::unfold((socket, outbox), move |(socket, outbox)| async move {
        loop {
            let step = match socket.next().await? {
                Ok(Message::Text(text)) => guard.client_said(&text).await,
                Ok(Message::Binary(_)) => Step::Close(Close::MALFORMED),
                Ok(Message::Ping(_) | Message::Pong(_)) => {
                    guard.heard();
                    Step::Ignore
                }
                Ok(Message::Close(_)) => return None,
                // Too large before its end, or no WebSocket any more: then nobody reads this.
                Err(_) => Step::Close(Close::TOO_LARGE),
            };
            let answer = match step {
                Step::Init(init) => return Some((Ok(text(init.message())), (socket, outbox))),
                Step::Forward(message) => return Some((Ok(text(message)), (socket, outbox))),
                Step::Answer(answer) => text(answer),
                Step::Ignore => continue,
                Step::Close(close) => {
                    let _gone = outbox.send(frame(close)).await;
                    return None;
                }
            };
            outbox.send(answer).await.ok()?;
        }
    })
}

/// Where async-graphql writes to.
fn said(outbox: mpsc::Sender<Message>) -> impl Sink<Message> {
    sink::unfold(outbox, async |outbox, message| outbox.send(message).await.map(|()| outbox))
}

fn text(text: String) -> Message {
    Message::Text(Utf8Bytes::from(text))
}

fn frame(close: Close) -> Message {
    Message::Close(Some(CloseFrame { code: close.code, reason: Utf8Bytes::from_static(close.reason) }))
}
