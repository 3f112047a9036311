//! The auth server's own subscriptions, over a real socket.

use std::time::Duration;

use countersign_server::testing::TestServer;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::client::{Client, FINGERPRINT, HINT, REFRESH, server_with, signed_in, signed_up};

const EVENTS: &str = "subscription { sessionEvents { id kind sessionId } }";

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// A socket with the client's cookies.
    async fn connect(client: &Client, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = client.graphql_url().replace("http", "ws").into_client_request().unwrap();
        let cookies: Vec<_> = client.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.headers_mut().insert("cookie", cookies.join("; ").parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        tokio_tungstenite::connect_async(request).await.map(|(socket, _)| Self(socket))
    }

    async fn open(client: &Client, protocol: &str) -> Self {
        let mut socket = Self::connect(client, &[("sec-websocket-protocol", protocol)]).await.unwrap();
        let authorization = format!("Bearer {}", client.bearer.as_ref().unwrap());
        let payload = json!({ "headers": { "Authorization": authorization } });
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
        socket
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn ask(&mut self, id: &str, query: &str) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    /// Shows the client's token in a ping; whether it was taken.
    async fn reauth(&mut self, token: &str) -> bool {
        let payload = json!({ "type": "reauth", "authorization": format!("Bearer {token}") });
        self.say(json!({ "type": "ping", "payload": payload })).await;
        let pong = self.hear().await;
        assert_eq!((&pong["type"], &pong["payload"]["type"]), (&json!("pong"), &json!("reauth")));
        pong["payload"]["ok"].as_bool().unwrap()
    }

    /// What comes next, but for what only asks whether one is there.
    async fn hear(&mut self) -> Value {
        loop {
            let Message::Text(text) = self.0.next().await.unwrap().unwrap() else { continue };
            let said: Value = serde_json::from_str(&text).unwrap();
            if said["type"] != "ping" && said["type"] != "ka" {
                return said;
            }
        }
    }

    /// The answer to one operation that answers once.
    async fn answer(&mut self, query: &str) -> Value {
        self.ask("once", query).await;
        let next = self.hear().await;
        assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("once")));
        assert_eq!(self.hear().await["type"], "complete");
        next["payload"].clone()
    }

    async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                // What was on its way before.
                Some(Ok(Message::Text(_) | Message::Ping(_))) => (),
                other => panic!("not closed: {other:?}"),
            }
        }
    }
}

/// The same person on another device.
async fn other_device(server: &TestServer) -> Client {
    let mut other = Client::new(server);
    assert_eq!(other.login(json!({})).await.status, 200);
    other
}

#[tokio::test]
async fn what_happens_to_ones_sessions_is_told_as_it_happens_in_both_protocols() {
    let (server, ann) = signed_in().await;
    for (protocol, begin, next) in
        [("graphql-transport-ws", "subscribe", "next"), ("graphql-ws", "start", "data")]
    {
        let mut socket = Socket::open(&ann, protocol).await;
        socket.say(json!({ "type": begin, "id": "e", "payload": { "query": EVENTS } })).await;
        let first = socket.hear().await;
        assert_eq!((&first["type"], &first["id"]), (&json!(next), &json!("e")));
        assert_eq!(first["payload"]["data"]["sessionEvents"]["kind"], "subscribed");

        let mut eve = Client::new(&server);
        eve.post("/auth/signup", json!({ "email": format!("{protocol}@b.c"), "password": "correct horse" }))
            .await;
        let mut other = other_device(&server).await;
        let opened = socket.hear().await["payload"]["data"]["sessionEvents"].clone();
        assert_eq!(opened["kind"], "login", "and nothing of another account");
        other.post("/auth/logout", json!({})).await;
        let ended = socket.hear().await["payload"]["data"]["sessionEvents"].clone();
        assert_eq!((&ended["kind"], &ended["sessionId"]), (&json!("logout"), &opened["sessionId"]));
    }
}

#[tokio::test]
async fn a_logout_closes_the_sockets_of_its_session_and_no_other() {
    let (server, mut ann) = signed_in().await;
    let mut other = other_device(&server).await;
    let mut closes = Socket::open(&ann, "graphql-transport-ws").await;
    let mut stays = Socket::open(&other, "graphql-transport-ws").await;
    closes.ask("e", EVENTS).await;
    assert_eq!(ann.post("/auth/logout", json!({})).await.status, 200);
    assert_eq!(closes.closed().await, (4403, "SESSION_ENDED".into()));
    assert_eq!(stays.answer("{ me { username } }").await["data"]["me"]["username"], "ann");
    assert_eq!(other.post("/auth/logout/all", json!({})).await.status, 200);
    assert_eq!(stays.closed().await, (4403, "SESSION_ENDED".into()));
}

#[tokio::test]
async fn a_server_that_stops_says_so_to_every_socket() {
    let (server, ann) = signed_in().await;
    let mut told = Vec::new();
    for (protocol, begin) in [("graphql-transport-ws", "subscribe"), ("graphql-ws", "start")] {
        let mut socket = Socket::open(&ann, protocol).await;
        socket.say(json!({ "type": begin, "id": "e", "payload": { "query": EVENTS } })).await;
        assert_eq!(socket.hear().await["payload"]["data"]["sessionEvents"]["kind"], "subscribed");
        told.push(socket);
    }
    // Nobody knows yet who this is.
    told.push(Socket::connect(&ann, &[("sec-websocket-protocol", "graphql-ws")]).await.unwrap());
    let serving = server.stop();
    for mut socket in told {
        assert_eq!(socket.closed().await, (1001, "Going away".into()));
    }
    serving.await.unwrap();
}

#[tokio::test]
async fn a_socket_outlives_its_token_by_the_grace_and_goes_on_with_a_newer_one() {
    let server = server_with(|config| {
        config.access_ttl = "60s".parse().unwrap();
        config.ws_grace = "20s".parse().unwrap();
    })
    .await;
    let mut ann = signed_up(&server, json!({})).await;
    let mut socket = Socket::open(&ann, "graphql-transport-ws").await;
    assert!(!socket.reauth(ann.bearer.as_ref().unwrap()).await, "the same one is not newer");
    for _ in 0..5 {
        server.clock.advance(Duration::from_secs(70));
        let newer = ann.refresh().await.text("/jwt_token");
        assert!(socket.reauth(&newer).await, "within the grace");
        ann.bearer = Some(newer);
    }
    let other = other_device(&server).await;
    assert!(!socket.reauth(other.bearer.as_ref().unwrap()).await, "of another session");
    assert_eq!(socket.answer("{ me { username } }").await["data"]["me"]["username"], "ann");
    server.clock.advance(Duration::from_secs(80));
    assert_eq!(socket.closed().await, (4403, "TOKEN_EXPIRED".into()));
}

#[tokio::test]
async fn what_sets_cookies_is_refused_with_a_word_on_how_to_do_it() {
    let (server, ann) = signed_in().await;
    let mut socket = Socket::open(&ann, "graphql-transport-ws").await;
    for operation in [
        r#"mutation { login(username: "ann", password: "correct horse") { jwt } }"#,
        r#"mutation { signup(email: "b@b.c", password: "correct horse") { jwt } }"#,
        "mutation { refresh { jwt } }",
        r#"mutation { refreshJwtToken(refreshToken: "x") { jwt } }"#,
        r#"{ refreshJwtToken(refreshToken: "x") { jwt } }"#,
        "mutation { signout { ok } }",
        "mutation { signoutEverywhere { ok } }",
    ] {
        let answer = socket.answer(operation).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{operation}: {answer}");
        assert!(error["message"].as_str().unwrap().contains("POST it to /graphql"), "{error}");
    }
    let _other = other_device(&server).await;
    let devices = socket.answer("{ sessions { id current } events { kind } }").await;
    let devices = devices["data"]["sessions"].as_array().unwrap().clone();
    assert_eq!(devices.len(), 2, "nothing of the above was done");
    let other = devices.iter().find(|one| one["current"] == false).unwrap()["id"].as_str().unwrap();
    let revoked = socket.answer(&format!(r#"mutation {{ revokeSession(id: "{other}") {{ ok }} }}"#)).await;
    assert_eq!(revoked["data"]["revokeSession"]["ok"], true);
}

#[tokio::test]
async fn documents_are_limited_as_they_are_when_posted() {
    let (_server, ann) = signed_in().await;
    let mut socket = Socket::open(&ann, "graphql-transport-ws").await;
    let aliases: Vec<_> = (0..9).map(|n| format!("a{n}: me {{ id }}")).collect();
    for document in [
        format!("{{ {} }}", aliases.join(" ")),
        "{ nothing }".into(),
        "{".into(),
        "{ events { id @skip(if: false) @skip(if: false) @skip(if: false) @skip(if: false) @skip(if: false) } }".into(),
    ] {
        let answer = socket.answer(&document).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{document}: {answer}");
    }
    assert!(socket.answer("{ __schema { types { name } } }").await["data"]["__schema"].is_null());
    for id in 0..16 {
        socket.ask(&id.to_string(), EVENTS).await;
        assert_eq!(socket.hear().await["payload"]["data"]["sessionEvents"]["kind"], "subscribed");
    }
    assert_eq!(socket.answer(EVENTS).await["errors"][0]["extensions"]["code"], "RATE_LIMITED");
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_socket_though_the_cookies_come_along() {
    let server = server_with(|config| config.origins = vec!["https://app.example".into()]).await;
    let ann = signed_up(&server, json!({})).await;
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    for origin in ["https://evil.example", "null", "http://app.example"] {
        let Err(Error::Http(response)) = Socket::connect(&ann, &[protocol, ("origin", origin)]).await else {
            panic!("{origin}");
        };
        assert_eq!(response.status().as_u16(), 403);
    }
    for origin in ["https://app.example", &server.url] {
        assert!(Socket::connect(&ann, &[protocol, ("origin", origin)]).await.is_ok(), "{origin}");
    }
}

#[tokio::test]
async fn the_token_and_the_fingerprint_are_asked_for() {
    let (_server, ann) = signed_in().await;
    let bare = ann.without(FINGERPRINT).without(REFRESH).without(HINT);
    let authorization = format!("Bearer {}", ann.bearer.as_ref().unwrap());
    for (client, payload, code) in [
        (&ann, json!({}), "NO_SESSION"),
        (&ann, json!({ "authorization": "Bearer x" }), "TOKEN_INVALID"),
        (&bare, json!({ "authorization": authorization }), "FINGERPRINT_MISMATCH"),
    ] {
        let mut socket =
            Socket::connect(client, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap();
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed().await, (4403, code.into()));
    }
    ann.clone().get("/graphql").await.refused(405, "BAD_REQUEST");
}
