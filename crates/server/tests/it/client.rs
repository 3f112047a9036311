//! A client that keeps cookies by hand: it remembers what it is told, and shows what a test likes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_server::config::Config;
use countersign_server::testing::{TestServer, config};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

pub(crate) const EMAIL: &str = "ann@example.com";
pub(crate) const NAME: &str = "ann";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const REFRESH: &str = "__Host-csrt";
pub(crate) const FINGERPRINT: &str = "__Host-csfp";
pub(crate) const HINT: &str = "__Host-cshint";

/// A browser, so to say. A clone is one with the same cookies: another tab, or a thief.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    pub(crate) cookies: BTreeMap<String, String>,
    /// Sent as `Authorization: Bearer …`.
    pub(crate) bearer: Option<String>,
    /// Sent as `X-Countersign`.
    pub(crate) by_script: Option<&'static str>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null if it is not JSON.
    pub(crate) body: Value,
}

/// A server with the configuration of tests.
pub(crate) async fn server() -> TestServer {
    server_with(|_| ()).await
}

/// A server whose configuration differs from that of tests.
pub(crate) async fn server_with(change: impl FnOnce(&mut Config)) -> TestServer {
    let mut config = config();
    change(&mut config);
    TestServer::start(config).await.unwrap()
}

/// A server with an account, and a client that is signed in to it in cookie mode.
pub(crate) async fn signed_in() -> (TestServer, Client) {
    let server = server().await;
    let ann = signed_up(&server, json!({})).await;
    (server, ann)
}

/// The same in header mode.
pub(crate) async fn signed_in_by_header() -> (TestServer, Client, String) {
    let server = server().await;
    let mut ann = signed_up(&server, json!({})).await;
    let answer = ann.login(json!({ "mode": "header" })).await;
    (server, ann, answer.text("/refresh_token"))
}

/// A client that has just signed up as Ann; `more` goes into the request.
pub(crate) async fn signed_up(server: &TestServer, more: Value) -> Client {
    let mut ann = Client::new(server);
    let answer = ann.signup(more).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    ann
}

impl Client {
    pub(crate) fn new(server: &TestServer) -> Self {
        Self {
            http: reqwest::Client::new(),
            // One address family only, so that limits by address see one client.
            url: server.url.replace("localhost", "127.0.0.1"),
            cookies: BTreeMap::new(),
            bearer: None,
            by_script: Some("1"),
        }
    }

    /// The same client, whose next requests reach another node.
    pub(crate) fn at(mut self, server: &TestServer) -> Self {
        self.url = server.url.replace("localhost", "127.0.0.1");
        self
    }

    /// Where GraphQL is spoken.
    pub(crate) fn graphql_url(&self) -> String {
        format!("{}/graphql", self.url)
    }

    /// Signs up as Ann, and takes the access token.
    pub(crate) async fn signup(&mut self, more: Value) -> Answer {
        let body = json!({ "email": EMAIL, "username": NAME, "password": PASSWORD });
        self.open("/auth/signup", body, more).await
    }

    /// Logs in as Ann, and takes the access token.
    pub(crate) async fn login(&mut self, more: Value) -> Answer {
        self.open("/auth/login", json!({ "username": NAME, "password": PASSWORD }), more).await
    }

    async fn open(&mut self, path: &str, mut body: Value, more: Value) -> Answer {
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = self.post(path, body).await;
        if answer.status.is_success() {
            self.bearer = Some(answer.text("/jwt_token"));
        }
        answer
    }

    /// Refreshes by cookie; does not take the access token.
    pub(crate) async fn refresh(&mut self) -> Answer {
        self.post("/auth/refresh", json!({})).await
    }

    /// Refreshes by body.
    pub(crate) async fn refresh_with(&mut self, token: &str) -> Answer {
        self.post("/auth/refresh", json!({ "refresh_token": token })).await
    }

    pub(crate) async fn graphql(&mut self, query: &str, variables: Value) -> Answer {
        self.post("/graphql", json!({ "query": query, "variables": variables })).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send(self.ask(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Answer {
        self.send(self.ask(Method::DELETE, path)).await
    }

    /// A request with everything that the client shows.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        if let Some(token) = &self.bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(value) = self.by_script {
            request = request.header("x-countersign", value);
        }
        request
    }

    /// Sends a request, and keeps the cookies of its answer.
    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        let answer = Answer { status, headers, text, body };
        for line in answer.set_cookies() {
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// The same client without that cookie.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        assert!(other.cookies.remove(name).is_some(), "{name} was there");
        other
    }
}

impl Answer {
    /// The string at this JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("{pointer} in {}", self.text)).to_owned()
    }

    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {}", self.text))
    }

    pub(crate) fn depth(&self) -> u64 {
        assert_eq!(self.status, 200, "{}", self.text);
        self.at("/session/depth").as_u64().unwrap()
    }

    pub(crate) fn session_id(&self) -> String {
        self.text("/session/id")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect()
    }

    /// Checks that this is a refusal of this status and code, in the one shape that refusals have, and without
    /// cookies.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.body["error"]["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.header("content-type"), "application/json");
        assert!(!self.text("/error/message").is_empty());
        assert!(["fix", "login", "refresh", "retry"].contains(&self.text("/error/action").as_str()));
        assert_eq!(
            self.header("www-authenticate").starts_with("Bearer"),
            status == 401,
            "{:?}",
            self.headers
        );
        assert_eq!(self.headers.contains_key("retry-after"), status == 429 || status == 503);
        assert_eq!(self.set_cookies(), [""; 0], "a refusal sets and clears no cookie");
    }

    /// The same for a session that ended, with the reason that the answer may tell.
    #[track_caller]
    pub(crate) fn ended(&self, reason: Option<&str>) {
        self.refused(401, "SESSION_ENDED");
        assert_eq!(self.body["error"]["reason"].as_str(), reason);
    }
}

/// The claims of an access token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header (0) or the payload (1) of a token.
pub(crate) fn part(token: &str, at: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// The database of a server, read from outside.
pub(crate) fn database(server: &TestServer) -> Connection {
    Connection::open_with_flags(file(server), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

pub(crate) fn file(server: &TestServer) -> PathBuf {
    server.folder.path().join("countersign.db")
}

/// How many rows a query counts.
pub(crate) fn count(server: &TestServer, sql: &str) -> u64 {
    let count: i64 = database(server).query_row(sql, [], |row| row.get(0)).unwrap();
    count.try_into().unwrap()
}

/// The kinds of the account's events, oldest first.
pub(crate) fn events(server: &TestServer) -> Vec<String> {
    let database = database(server);
    let mut rows = database.prepare("SELECT kind FROM events ORDER BY rowid").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
