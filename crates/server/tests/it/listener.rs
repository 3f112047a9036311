//! Who listens to the deny-list stream, as a verifier does.

use countersign_core::denylist::Batch;
use countersign_server::app::Scope;
use countersign_server::testing::TestServer;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::client::Client;

/// An event of the stream.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Event {
    /// Reads one event, without the empty line that ends it.
    pub(crate) fn parse(text: &str) -> Self {
        let member = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let value = lines.next().map(str::to_owned);
            assert_eq!(lines.next(), None, "one line of {name} in {text}");
            value
        };
        Self {
            name: member("event").unwrap(),
            id: member("id"),
            data: serde_json::from_str(&member("data").unwrap()).unwrap(),
        }
    }

    pub(crate) fn batch(&self) -> Batch {
        serde_json::from_value(self.data.clone()).unwrap()
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.data[name].as_u64().unwrap_or_else(|| panic!("{name} in {self:?}"))
    }
}

/// An open stream.
pub(crate) struct Listener {
    response: Response,
    text: String,
}

impl Listener {
    /// One with a service key of its own that has read up to the first heartbeat, and what it read.
    pub(crate) async fn of(server: &TestServer) -> (Self, Vec<Event>) {
        let client = verifier(server).await;
        let mut listener = Self::open(&client, None).await;
        let begin = listener.until("heartbeat").await;
        (listener, begin)
    }

    pub(crate) async fn open(client: &Client, last_event_id: Option<&str>) -> Self {
        let mut request = client.ask(Method::GET, "/auth/revocations");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        Self { response, text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = Event::parse(event);
                self.text = rest.to_owned();
                return Some(event);
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Everything up to the next event of this name, with it.
    pub(crate) async fn until(&mut self, name: &str) -> Vec<Event> {
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Event| event.name != name) {
            events.push(self.next().await.expect("the stream goes on"));
        }
        events
    }

    /// The next entries.
    pub(crate) async fn entries(&mut self) -> Batch {
        self.until("entries").await.pop().unwrap().batch()
    }
}

/// A client with a service key that may listen.
pub(crate) async fn verifier(server: &TestServer) -> Client {
    let (_, key) = server.app.add_service_key("verifier".into(), &[Scope::Revocations]).await.unwrap();
    let mut client = Client::new(server);
    client.bearer = Some(key.to_string());
    client
}
