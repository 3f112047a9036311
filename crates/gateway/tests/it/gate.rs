//! A gateway whose verifier is fed by hand, and a client that sends what it likes, byte by byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::{Algorithm, Claims, FingerprintCookie, HasuraClaims, KeySet, SigningKey};
use countersign_core::{Clock, ManualClock, SessionId, Timestamp, UserId};
use countersign_gateway::config::Config;
use countersign_gateway::{SecretText, router};
use countersign_verifier::websocket::Stop;
use countersign_verifier::{Feed, Verifier};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The value of the fingerprint cookie.
pub(crate) const COOKIE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Within this everything happens, or never.
const SOON: Duration = Duration::from_secs(20);
pub(crate) const SESSION: SessionId = SessionId::from_bytes([2; 16]);
pub(crate) const USER: UserId = UserId::from_bytes([1; 16]);

pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) verifier: Verifier,
    pub(crate) feed: Feed,
    pub(crate) stop: Stop,
    key: SigningKey,
}

impl Gate {
    /// A gateway before `upstream`, with what `change` makes of its settings.
    pub(crate) async fn before(upstream: SocketAddr, change: impl FnOnce(&mut Config)) -> Self {
        Self::with(|config| {
            config.upstream = format!("http://{upstream}");
            change(config);
        })
        .await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.issuer = "https://auth.example".into();
        config.service_key = SecretText::from("csk_key".to_owned());
        config.origins = vec!["https://app.example".into()];
        change(&mut config);
        let settings = Arc::new(config.check().unwrap());
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000)));
        let (verifier, feed) = Verifier::new(settings.policy(), Arc::clone(&clock) as Arc<dyn Clock>);
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        feed.keys(KeySet::from_iter([key.public().unwrap().clone()]));
        let now = clock.now();
        feed.heartbeat(Heartbeat { as_of: now, now });
        let stop = Stop::new();
        let router = router(settings, verifier.clone()).layer(Extension(stop.ending()));
        let address = serve(router).await;
        Self { address, clock, verifier, feed, stop, key }
    }

    /// An access token, signed now.
    pub(crate) fn token(&self) -> String {
        let iat = self.clock.now().as_secs();
        let hasura = HasuraClaims {
            user_id: USER.to_string().into(),
            default_role: "user".into(),
            allowed_roles: vec!["user".into(), "editor".into()],
            custom: BTreeMap::from([("x-hasura-name".into(), "Zoë".into())]),
            fingerprint: Some(FingerprintCookie::parse(COOKIE).unwrap().hash()),
        };
        let claims = Claims {
            iss: "https://auth.example".into(),
            sub: USER,
            aud: "api".into(),
            iat,
            exp: iat + 900,
            jti: "jti".into(),
            sid: SESSION,
            cep: 1,
            client_id: "countersign".into(),
            preferred_username: None,
            hasura,
            extra: serde_json::Map::new(),
        };
        self.key.sign(&claims, "at+jwt").unwrap()
    }

    /// The headers of a client that is known.
    pub(crate) fn known(&self) -> String {
        format!("Authorization: Bearer {}\r\nCookie: __Host-csfp={COOKIE}\r\n", self.token())
    }

    pub(crate) fn end_session(&self) {
        let until = self.clock.now().plus(Duration::from_hours(1));
        self.feed.apply(&Batch { sessions: vec![(SESSION, until)], ..Batch::default() });
    }

    /// A `GET` with these header lines.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, headers, "").await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let close =
            if headers.to_ascii_lowercase().contains("\nconnection:") { "" } else { "Connection: close\r\n" };
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: gate.example\r\n{headers}{close}\r\n{body}"))
            .await
    }

    /// Sends these bytes, and reads until the gateway closes.
    pub(crate) async fn send(&self, text: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await;
        read.unwrap_or_else(|_| panic!("no answer to {text}")).unwrap();
        Answer::of(&String::from_utf8_lossy(&bytes))
    }
}

pub(crate) async fn serve(router: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or("0").parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        // A body of chunks has its JSON on a line of its own.
        let line = self.body.lines().find(|line| line.starts_with('{')).unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn code(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap().to_owned())
    }

    /// What the API saw under this name: every value.
    pub(crate) fn saw(&self, name: &str) -> Vec<String> {
        let json = self.json();
        let all = json["headers"].as_array().unwrap_or_else(|| panic!("{self:?}"));
        let named = all.iter().filter(|pair| pair[0] == name);
        named.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
    }
}
