//! A schema's sockets, as a client sees them.
#![expect(clippy::unused_async, reason = "the macros of async-graphql want it of resolvers")]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use async_graphql::futures_util::Stream;
use async_graphql::{Context, Data, EmptyMutation, Object, Schema, Subscription};
use axum::extract::Request;
use axum::routing::get;
use axum::{Extension, Router};
use countersign_core::Code;
use countersign_verifier::graphql::Sockets;
use countersign_verifier::websocket::{Origins, Rules, Stop};
use countersign_verifier::{Refused, Verified};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::api::{Api, COOKIE, SESSION};

const PAGE: &str = "https://app.example";

struct Query;

#[Object]
impl Query {
    async fn me(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        Ok(ctx.data::<Verified>()?.sub.to_string())
    }
}

/// What the subscription's streams come from and what they leave behind.
#[derive(Clone)]
struct Ticks {
    sender: broadcast::Sender<i32>,
    dropped: Arc<Notify>,
}

struct Subscription;

#[Subscription]
impl Subscription {
    async fn ticks(&self, ctx: &Context<'_>) -> async_graphql::Result<impl Stream<Item = i32>> {
        let ticks = ctx.data::<Ticks>()?;
        ctx.data::<Verified>()?.require_role("user").map_err(Refused::message)?;
        let receiver = ticks.sender.subscribe();
        let numbers = futures_util::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.ok().map(|number| (number, receiver))
        });
        Ok(Held { numbers: Box::pin(numbers), dropped: Arc::clone(&ticks.dropped) })
    }
}

struct Held {
    numbers: Pin<Box<dyn Stream<Item = i32> + Send>>,
    dropped: Arc<Notify>,
}

impl Stream for Held {
    type Item = i32;

    fn poll_next(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Option<i32>> {
        self.numbers.as_mut().poll_next(poller)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.dropped.notify_one();
    }
}

/// The API behind a real socket.
struct Served {
    api: Api,
    ticks: Ticks,
    stop: Stop,
    serving: JoinSet<()>,
    url: String,
}

impl Served {
    async fn new() -> Self {
        Self::with(Rules::default()).await
    }

    async fn with(rules: Rules) -> Self {
        let api = Api::new();
        let ticks = Ticks { sender: broadcast::channel(16).0, dropped: Arc::default() };
        let schema = Schema::build(Query, EmptyMutation, Subscription).data(ticks.clone()).finish();
        let sockets = Sockets::new(api.verifier.clone(), schema, Origins::from_iter([PAGE]));
        let sockets = sockets.rules(rules).operations(2).at_most(8);
        let open = async move |request: Request| sockets.open(request, Data::default()).await;
        let stop = Stop::new();
        let router = Router::new().route("/graphql", get(open)).layer(Extension(stop.ending()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/graphql", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { api, ticks, stop, serving, url }
    }

    async fn connect(&self, headers: &[(&'static str, &str)]) -> Result<Client, Error> {
        let mut request = self.url.as_str().into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        tokio_tungstenite::connect_async(request).await.map(|(socket, _)| Client(socket))
    }

    async fn client(&self, protocol: &str) -> Client {
        let cookie = format!("__Host-csfp={COOKIE}");
        let headers = [("cookie", &*cookie), ("sec-websocket-protocol", protocol), ("origin", PAGE)];
        self.connect(&headers).await.unwrap()
    }

    /// A client that has said who it is.
    async fn known(&self, protocol: &str) -> Client {
        let mut client = self.client(protocol).await;
        let payload = json!({ "headers": { "Authorization": self.api.bearer(SESSION) } });
        client.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(client.hear().await, json!({ "type": "connection_ack" }));
        client
    }

    /// Sends a number to every subscription, once there are so many.
    async fn tick(&self, number: i32, subscriptions: usize) {
        while self.ticks.sender.receiver_count() < subscriptions {
            tokio::task::yield_now().await;
        }
        self.ticks.sender.send(number).unwrap();
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn subscribe(&mut self, kind: &str, id: &str) {
        self.say(json!({ "type": kind, "id": id, "payload": { "query": "subscription { ticks }" } })).await;
    }

    async fn hear(&mut self) -> Value {
        loop {
            let said = self.said().await;
            if said["type"] != "ping" && said["type"] != "ka" {
                return said;
            }
        }
    }

    /// The same, with what asks whether one is there.
    async fn said(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Ping(_))) => (),
                other => panic!("not closed: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn subscriptions_go_on_until_the_session_ends_and_are_dropped_then() {
    for (protocol, begin, next) in
        [("graphql-transport-ws", "subscribe", "next"), ("graphql-ws", "start", "data")]
    {
        let served = Served::new().await;
        let mut client = served.known(protocol).await;
        client.subscribe(begin, "1").await;
        served.tick(7, 1).await;
        assert_eq!(
            client.hear().await,
            json!({ "type": next, "id": "1", "payload": { "data": { "ticks": 7 } } })
        );
        served.api.end();
        assert_eq!(client.closed().await, (4403, Code::SessionEnded.name().to_owned()));
        served.ticks.dropped.notified().await;
    }
}

#[tokio::test]
async fn a_program_that_ends_says_so_and_waits_for_its_sockets() {
    for (protocol, begin) in [("graphql-transport-ws", "subscribe"), ("graphql-ws", "start")] {
        let mut served = Served::new().await;
        let mut client = served.known(protocol).await;
        client.subscribe(begin, "1").await;
        served.tick(7, 1).await;
        client.hear().await;
        served.stop.begin();
        assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
        served.ticks.dropped.notified().await;
        drop(client);
        // The router holds one for the requests to come.
        served.serving.shutdown().await;
        served.stop.over().await;
    }
}

#[tokio::test]
async fn a_client_that_answers_nothing_is_let_go() {
    for (protocol, begin, ping) in
        [("graphql-transport-ws", "subscribe", "ping"), ("graphql-ws", "start", "ka")]
    {
        let served = Served::with(Rules { ping_every: Duration::from_millis(50), ..Rules::default() }).await;
        let mut client = served.known(protocol).await;
        client.subscribe(begin, "1").await;
        // Nobody reads, so that nothing answers.
        served.ticks.dropped.notified().await;
        for _ in 0..3 {
            assert_eq!(client.said().await, json!({ "type": ping }));
        }
        assert_eq!(client.closed().await, (4408, "No answer to pings".to_owned()));
    }
}

#[tokio::test]
async fn a_newer_token_is_answered_here_and_a_plain_ping_too() {
    let served = Served::new().await;
    let mut client = served.known("graphql-transport-ws").await;
    served.api.clock.advance(Duration::from_mins(1));
    for (authorization, ok) in [(served.api.bearer(SESSION), true), ("Bearer x".into(), false)] {
        let payload = json!({ "type": "reauth", "authorization": authorization });
        client.say(json!({ "type": "ping", "payload": payload })).await;
        assert_eq!(client.hear().await, json!({ "type": "pong", "payload": { "type": "reauth", "ok": ok } }));
    }
    client.say(json!({ "type": "ping" })).await;
    assert_eq!(client.hear().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn queries_know_their_client() {
    let served = Served::new().await;
    let mut client = served.known("graphql-transport-ws").await;
    client.say(json!({ "type": "subscribe", "id": "q", "payload": { "query": "{ me }" } })).await;
    let answer = client.hear().await;
    assert_eq!(answer["payload"]["data"]["me"], crate::api::USER.to_string());
    assert_eq!(client.hear().await, json!({ "type": "complete", "id": "q" }));
}

#[tokio::test]
async fn who_is_not_known_hears_the_code_and_nothing_else() {
    let served = Served::new().await;
    for (message, close) in [
        (json!({ "type": "connection_init" }), (4403, "NO_SESSION")),
        (json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ me }" } }), (4403, "NO_SESSION")),
        (
            json!({ "type": "connection_init", "payload": { "authorization": "Bearer x" } }),
            (4403, "TOKEN_INVALID"),
        ),
        (json!([]), (4400, "BAD_REQUEST")),
        (json!({ "type": "ping", "payload": "x".repeat(70_000) }), (1009, "Message too large")),
        (json!({ "type": "ping", "payload": "x".repeat(200_000) }), (1009, "Message too large")),
    ] {
        let mut client = served.client("graphql-transport-ws").await;
        client.say(message).await;
        assert_eq!(client.closed().await, (close.0, close.1.to_owned()));
    }
    let mut client = served.known("graphql-transport-ws").await;
    client.0.send(Message::binary("{}")).await.unwrap();
    assert_eq!(client.closed().await.0, 4400);
}

#[tokio::test]
async fn no_more_operations_and_sockets_than_are_allowed() {
    let served = Served::new().await;
    let mut client = served.known("graphql-transport-ws").await;
    for id in ["1", "2", "3"] {
        client.subscribe("subscribe", id).await;
    }
    let refused = client.hear().await;
    assert_eq!(refused["payload"]["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    assert_eq!((&refused["id"], client.hear().await["type"].clone()), (&json!("3"), json!("complete")));
    client.say(json!({ "type": "complete", "id": "1" })).await;
    assert_eq!(client.hear().await, json!({ "type": "complete", "id": "1" }));
    client.subscribe("subscribe", "4").await;
    served.tick(1, 2).await;
    assert_ne!(client.hear().await["id"], client.hear().await["id"]);

    let mut others = Vec::new();
    for _ in 1..8 {
        others.push(served.known("graphql-ws").await);
    }
    let headers = [("sec-websocket-protocol", "graphql-ws")];
    let Err(Error::Http(response)) = served.connect(&headers).await else { panic!() };
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
}

#[tokio::test]
async fn a_page_of_another_site_and_an_unknown_protocol_get_no_socket() {
    let served = Served::new().await;
    for (origin, protocol, status, code) in [
        ("https://evil.example", "graphql-transport-ws", 403, "CSRF_REJECTED"),
        ("null", "graphql-transport-ws", 403, "CSRF_REJECTED"),
        (PAGE, "chat", 400, "BAD_REQUEST"),
    ] {
        let headers = [("origin", origin), ("sec-websocket-protocol", protocol)];
        let Err(Error::Http(response)) = served.connect(&headers).await else { panic!("{origin}") };
        assert_eq!(response.status(), status);
        let body: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
        assert_eq!(body["error"]["code"], code);
    }
    let headers = [("sec-websocket-protocol", "chat, graphql-ws, graphql-transport-ws")];
    assert!(served.connect(&headers).await.is_ok(), "no browser; the first protocol that is known");
}
