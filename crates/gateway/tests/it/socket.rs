//! WebSockets, each held to its session.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_gateway::SecretText;
use countersign_gateway::config::Identity;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::api::Api;
use crate::gate::{COOKIE, Gate, USER};

const TRANSPORT: &str = "graphql-transport-ws";
const LEGACY: &str = "graphql-ws";
const PING: &str = r#"{"type":"ping"}"#;
const ALIVE: &str = r#"{"type":"ka"}"#;

struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn open(gate: &Gate, protocol: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{}/graphql", gate.address).into_client_request().unwrap();
        let cookie = format!("a=1; __Host-csfp={COOKIE}");
        for (name, value) in [("sec-websocket-protocol", protocol), ("cookie", &cookie)].iter().chain(headers)
        {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(gate.address).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// One that is known.
    async fn begun(gate: &Gate) -> Self {
        Self::begun_by(gate, TRANSPORT).await
    }

    async fn begun_by(gate: &Gate, protocol: &str) -> Self {
        let mut client = Self::open(gate, protocol, &[]).await.unwrap();
        client.init(json!({ "headers": { "Authorization": format!("Bearer {}", gate.token()) } })).await;
        assert_eq!(client.heard().await["type"], "connection_ack");
        client
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn init(&mut self, payload: Value) {
        self.say(json!({ "type": "connection_init", "payload": payload })).await;
    }

    /// What comes next, but for what the gateway asks to see whether one is there.
    async fn next(&mut self) -> Message {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Ping(_) => (),
                Message::Text(text) if text == PING || text == ALIVE => (),
                other => return other,
            }
        }
    }

    async fn heard(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn closed(&mut self) -> (u16, String) {
        match self.next().await {
            Message::Close(Some(CloseFrame { code, reason })) => (code.into(), reason.as_str().to_owned()),
            other => panic!("{other:?}"),
        }
    }
}

fn saw(seen: &Value, name: &str) -> Vec<String> {
    let all = seen["headers"].as_array().unwrap().iter();
    all.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn both_protocols_pass_and_the_api_is_told_once_who_calls() {
    for (protocol, operation) in [(TRANSPORT, "subscribe"), (LEGACY, "start")] {
        let mut api = Api::start().await;
        let gate = Gate::before(api.address, |_| ()).await;
        let mut client = Client::open(&gate, protocol, &[("x_hasura_role", "admin")]).await.unwrap();
        let bearer = format!("Bearer {}", gate.token());
        client
            .init(json!({ "headers": { "authorization": bearer, "X_Hasura_Role": "admin", "x-app": "web" } }))
            .await;
        assert_eq!(client.heard().await["type"], "connection_ack");

        let upgrade = api.seen.recv().await.unwrap();
        assert_eq!(saw(&upgrade, "authorization").join(","), bearer);
        assert_eq!(saw(&upgrade, "x-hasura-role"), ["user"]);
        assert_eq!(saw(&upgrade, "x_hasura_role"), [] as [&str; 0]);
        assert_eq!(saw(&upgrade, "cookie"), ["a=1"]);
        assert_eq!(saw(&upgrade, "sec-websocket-protocol"), [protocol]);
        let init = api.seen.recv().await.unwrap();
        let headers = &init["payload"]["headers"];
        assert_eq!(headers["Authorization"], bearer);
        assert_eq!(headers["x-hasura-role"], "user");
        assert_eq!(headers["x-hasura-user-id"], USER.to_string());
        assert_eq!(headers["x-app"], "web");
        assert_eq!(headers.get("X_Hasura_Role").or(headers.get("authorization")), None);

        let message =
            json!({ "type": operation, "id": "1", "payload": { "query": "subscription { notes }" } });
        client.say(message.clone()).await;
        assert_eq!(client.heard().await, message);
    }
}

#[tokio::test]
async fn with_an_admin_secret_the_payload_has_it_and_variables_and_no_token() {
    let mut api = Api::start().await;
    let gate = Gate::before(api.address, |config| {
        config.identity = Identity::Variables;
        config.admin_secret = SecretText::from("hush".to_owned());
    })
    .await;
    let mut client = Client::open(&gate, TRANSPORT, &[]).await.unwrap();
    let payload = json!({ "authorization": format!("Bearer {}", gate.token()), "headers": {
        "x-hasura-role": "editor", "x-hasura-admin-secret": "guess", "X-Hasura-User-Id": "other" } });
    client.init(payload).await;
    assert_eq!(client.heard().await["type"], "connection_ack");
    let upgrade = api.seen.recv().await.unwrap();
    assert_eq!(saw(&upgrade, "x-hasura-admin-secret"), ["hush"]);
    assert_eq!(saw(&upgrade, "authorization"), [] as [&str; 0]);
    let payload = api.seen.recv().await.unwrap()["payload"].clone();
    assert_eq!(payload.as_object().unwrap().keys().collect::<Vec<_>>(), ["headers"]);
    assert_eq!(payload["headers"]["x-hasura-admin-secret"], "hush");
    assert_eq!(payload["headers"]["x-hasura-role"], "editor");
    assert_eq!(payload["headers"]["x-hasura-user-id"], USER.to_string());
    assert!(!payload.to_string().contains("Bearer"));
}

#[tokio::test]
async fn doubled_members_and_odd_payloads_say_one_thing_or_nothing() {
    let mut api = Api::start().await;
    let gate = Gate::before(api.address, |_| ()).await;
    let bearer = format!("Bearer {}", gate.token());
    let mut client = Client::open(&gate, TRANSPORT, &[("authorization", &bearer)]).await.unwrap();
    let doubled = r#"{"type":"connection_init","payload":{"headers":{"x-hasura-role":"admin"},"headers":[["x-hasura-role","admin"]],"__proto__":{"x-hasura-role":"admin"}}}"#;
    client.0.send(Message::text(doubled)).await.unwrap();
    assert_eq!(client.heard().await["type"], "connection_ack", "known by the upgrade");
    api.seen.recv().await.unwrap();
    let payload = api.seen.recv().await.unwrap()["payload"].clone();
    assert_eq!(payload["headers"]["x-hasura-role"], "user");
    assert!(!payload.to_string().contains("admin"), "{payload}");

    for (payload, close) in [
        (json!({ "headers": { "Authorization": bearer, "x-hasura-role": "admin" } }), "FORBIDDEN"),
        (json!({ "headers": { "Authorization": "Bearer x" } }), "TOKEN_INVALID"),
        (json!({}), "NO_SESSION"),
    ] {
        let mut client = Client::open(&gate, TRANSPORT, &[]).await.unwrap();
        client.init(payload).await;
        assert_eq!(client.closed().await, (4403, close.to_owned()));
    }
    let mut client = Client::open(&gate, TRANSPORT, &[]).await.unwrap();
    let doubled = r#"{"type":"connection_init","type":"connection_ack","payload":{}}"#;
    client.0.send(Message::text(doubled)).await.unwrap();
    assert_eq!(client.closed().await.0, 4400);
    assert_eq!(
        api.asked.load(Ordering::Relaxed),
        1,
        "the API is not connected to before the client is known"
    );
}

#[tokio::test]
async fn only_listed_pages_open_sockets() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let open = async |origin| Client::open(&gate, TRANSPORT, &[("origin", origin)]).await.err();
    assert_eq!(open("https://app.example").await, None);
    assert_eq!(open("https://evil.example").await, Some(403));
    assert_eq!(open("null").await, Some(403));
    assert_eq!(Client::open(&gate, "chat", &[]).await.err(), Some(400));
}

#[tokio::test]
async fn a_session_that_ends_closes_both_sides() {
    let mut api = Api::start().await;
    let gate = Gate::before(api.address, |_| ()).await;
    let mut client = Client::begun(&gate).await;
    gate.end_session();
    assert_eq!(client.closed().await, (4403, "SESSION_ENDED".to_owned()));
    drop(client);
    while api.seen.recv().await.unwrap().get("closed").is_none() {}
}

#[tokio::test]
async fn a_gateway_that_stops_says_so_to_both_sides() {
    for protocol in [TRANSPORT, LEGACY] {
        let mut api = Api::start().await;
        let gate = Gate::before(api.address, |_| ()).await;
        let mut known = Client::begun_by(&gate, protocol).await;
        let mut unknown = Client::open(&gate, protocol, &[]).await.unwrap();
        gate.stop.begin();
        for client in [&mut known, &mut unknown] {
            assert_eq!(client.closed().await, (1001, "Going away".to_owned()));
        }
        while api.seen.recv().await.unwrap().get("closed").is_none() {}
    }
}

#[tokio::test]
async fn a_newer_token_is_taken_here_and_the_api_does_not_hear_of_it() {
    let mut api = Api::start().await;
    let gate = Gate::before(api.address, |_| ()).await;
    let mut client = Client::begun(&gate).await;
    gate.clock.advance(Duration::from_mins(1));
    let authorization = format!("Bearer {}", gate.token());
    client
        .say(json!({ "type": "ping", "payload": { "type": "reauth", "authorization": authorization } }))
        .await;
    assert_eq!(client.heard().await, json!({ "type": "pong", "payload": { "type": "reauth", "ok": true } }));
    client.say(json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(client.heard().await["payload"]["n"], 1, "other pings are the API's");
    let mut said = Vec::new();
    while said.last().is_none_or(|last| last != "ping") {
        let seen = api.seen.recv().await.unwrap();
        said.push(seen["type"].as_str().unwrap_or("upgrade").to_owned());
    }
    assert_eq!(said, ["upgrade", "connection_init", "ping"]);
}

#[tokio::test]
async fn what_the_api_closes_is_closed_as_it_says() {
    let api = Api::start().await;
    let gate = Gate::before(api.address, |_| ()).await;
    let mut client = Client::begun(&gate).await;
    client.say(json!({ "type": "subscribe", "id": "1", "payload": { "close": true } })).await;
    assert_eq!(client.closed().await, (4999, "as asked".to_owned()));
}

#[tokio::test]
async fn an_api_that_is_away_is_worth_another_try() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gate = Gate::before(listener.local_addr().unwrap(), |_| ()).await;
    drop(listener);
    let mut client = Client::open(&gate, TRANSPORT, &[]).await.unwrap();
    client.init(json!({ "authorization": format!("Bearer {}", gate.token()) })).await;
    assert_eq!(client.closed().await, (1013, "UNAVAILABLE".to_owned()));
}

#[tokio::test]
async fn a_message_has_an_end() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let mut client = Client::begun(&gate).await;
    let long = "x".repeat(70_000);
    client.say(json!({ "type": "subscribe", "id": "1", "payload": { "query": long } })).await;
    assert_eq!(client.closed().await.0, 1009);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_api_back_and_ends_all_the_same() {
    let mut api = Api::start().await;
    let gate = Gate::before(api.address, |_| ()).await;
    let mut client = Client::begun(&gate).await;
    client.say(json!({ "type": "subscribe", "id": "1", "payload": { "flood": true } })).await;
    let told = async {
        loop {
            if let Some(told) = api.seen.recv().await.unwrap().get("flood") {
                return told.clone();
            }
        }
    };
    assert_eq!(told.await, "held back", "nothing piles up in the gateway");
    gate.end_session();
    // Whatever is on its way comes first, and then there is no more.
    while let Some(Ok(_)) = client.0.next().await {}
}
