//! What a guard says to each message, and when the socket is over.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use countersign_core::denylist::Batch;
use countersign_core::{Clock, Code, SessionId};
use countersign_verifier::websocket::{Close, Guard, Origins, Protocol, Rules, Step, Stop};
use countersign_verifier::{Refused, Staleness};
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::{Api, COOKIE, SESSION, USER};

impl Api {
    fn guard(&self, protocol: Protocol) -> Guard {
        self.guard_of(protocol, &upgrade())
    }

    fn guard_of(&self, protocol: Protocol, headers: &HeaderMap) -> Guard {
        Guard::new(self.verifier.clone(), protocol, headers, Rules::default()).unwrap()
    }

    /// One whose client has said who it is.
    async fn open(&self, protocol: Protocol) -> Guard {
        let guard = self.guard(protocol);
        assert!(matches!(guard.client_said(&self.init()).await, Step::Init(_)));
        guard
    }

    fn init(&self) -> String {
        init(json!({ "headers": { "Authorization": self.bearer(SESSION) } }))
    }
}

fn upgrade() -> HeaderMap {
    let cookie = HeaderValue::from_str(&format!("a=b; __Host-csfp={COOKIE}")).unwrap();
    HeaderMap::from_iter([(header::COOKIE, cookie)])
}

#[expect(clippy::needless_pass_by_value, reason = "short calls")]
fn init(payload: Value) -> String {
    json!({ "type": "connection_init", "payload": payload }).to_string()
}

fn reauth(authorization: &str) -> String {
    json!({ "type": "ping", "payload": { "type": "reauth", "authorization": authorization } }).to_string()
}

fn renewed(ok: bool) -> Step {
    Step::Answer(json!({ "type": "pong", "payload": { "type": "reauth", "ok": ok } }).to_string())
}

fn refused(code: Code) -> Step {
    Step::Close(Close::coded(code))
}

#[tokio::test]
async fn the_token_is_found_wherever_clients_put_it() {
    let api = Api::new();
    let bearer = api.bearer(SESSION);
    for payload in [
        json!({ "headers": { "Authorization": bearer } }),
        json!({ "headers": { "authorization": bearer, "x": 1 } }),
        json!({ "headers": { "AUTHORIZATION": bearer }, "authorization": null }),
        json!({ "authorization": bearer }),
        json!({ "Authorization": bearer, "headers": "none" }),
        json!({ "authorization": bearer, "headers": { "Authorization": bearer } }),
    ] {
        for protocol in [Protocol::TransportWs, Protocol::Legacy] {
            let guard = api.guard(protocol);
            let Step::Init(first) = guard.client_said(&init(payload.clone())).await else {
                panic!("{payload}");
            };
            assert_eq!(Value::Object(first.payload), payload);
            assert_eq!(guard.verified().unwrap().sid, SESSION);
        }
    }
}

#[tokio::test]
async fn the_token_of_the_upgrade_counts_where_the_payload_has_none() {
    let api = Api::new();
    let mut headers = upgrade();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&api.bearer(SESSION)).unwrap());
    for text in [init(Value::Null), init(json!({})), r#"{"type":"connection_init"}"#.into()] {
        let guard = api.guard_of(Protocol::TransportWs, &headers);
        assert!(matches!(guard.client_said(&text).await, Step::Init(_)), "{text}");
    }
    let guard = api.guard_of(Protocol::TransportWs, &headers);
    let text = init(json!({ "authorization": "Bearer e30.e30.AA" }));
    assert_eq!(guard.client_said(&text).await, refused(Code::TokenInvalid), "the payload's comes first");
}

#[tokio::test]
async fn a_client_that_does_not_show_who_it_is_is_refused_with_the_code() {
    let api = Api::new();
    let bearer = api.bearer(SESSION);
    for (payload, code) in [
        (json!({}), Code::NoSession),
        (json!({ "authorization": null }), Code::NoSession),
        (json!({ "authorization": "" }), Code::NoSession),
        (json!({ "authorization": "Basic eDp5" }), Code::NoSession),
        (json!({ "authorization": "Bearer \u{7}" }), Code::TokenInvalid),
        (json!({ "authorization": "Bearer x" }), Code::TokenInvalid),
        (json!({ "authorization": 7 }), Code::BadRequest),
        (json!({ "authorization": bearer, "Authorization": "Bearer other" }), Code::BadRequest),
        (json!([]), Code::BadRequest),
        (json!("Bearer"), Code::BadRequest),
    ] {
        let guard = api.guard(Protocol::TransportWs);
        assert_eq!(guard.client_said(&init(payload.clone())).await, refused(code), "{payload}");
        assert!(guard.verified().is_none());
    }
    let without_cookie = api.guard_of(Protocol::TransportWs, &HeaderMap::new());
    assert_eq!(without_cookie.client_said(&api.init()).await, refused(Code::FingerprintMismatch));
    let init = api.init();
    api.clock.advance(Duration::from_mins(16));
    assert_eq!(api.guard(Protocol::TransportWs).client_said(&init).await, refused(Code::TokenExpired));
    assert_eq!(Close::coded(Code::TokenExpired).code, 4403, "the stock client connects again");
}

#[test]
fn an_upgrade_with_two_fingerprints_is_refused() {
    let api = Api::new();
    let mut headers = upgrade();
    headers.append(header::COOKIE, HeaderValue::from_static("__Host-csfp=x"));
    let guard = Guard::new(api.verifier.clone(), Protocol::TransportWs, &headers, Rules::default());
    assert_eq!(guard.unwrap_err(), Refused::Doubled("__Host-csfp"));
}

#[tokio::test]
async fn before_the_init_nothing_is_passed_on() {
    let api = Api::new();
    for (protocol, text, step) in [
        (Protocol::TransportWs, r#"{"type":"subscribe","id":"1","payload":{}}"#, refused(Code::NoSession)),
        (Protocol::TransportWs, r#"{"type":"complete","id":"1"}"#, refused(Code::NoSession)),
        (Protocol::Legacy, r#"{"type":"start","id":"1","payload":{}}"#, refused(Code::NoSession)),
        (Protocol::Legacy, r#"{"type":"connection_terminate"}"#, Step::Close(Close::DONE)),
        (Protocol::TransportWs, r#"{"type":"ping"}"#, Step::Answer(r#"{"type":"pong"}"#.into())),
        (
            Protocol::TransportWs,
            r#"{"type":"ping","payload":{"a": 1}}"#,
            Step::Answer(r#"{"type":"pong","payload":{"a": 1}}"#.into()),
        ),
        (Protocol::TransportWs, r#"{"type":"pong"}"#, Step::Ignore),
        (Protocol::TransportWs, &reauth("Bearer x"), renewed(false)),
    ] {
        assert_eq!(api.guard(protocol).client_said(text).await, step, "{text}");
    }
}

#[tokio::test]
async fn what_is_no_message_of_the_protocol_ends_the_socket() {
    let api = Api::new();
    let long = format!(r#"{{"type":"ping","payload":"{}"}}"#, "x".repeat(65_536));
    let deep = format!(r#"{{"type":"ping","payload":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    for (protocol, text, close) in [
        (Protocol::TransportWs, "", Close::MALFORMED),
        (Protocol::TransportWs, "[]", Close::MALFORMED),
        (Protocol::TransportWs, "{}", Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":1}"#, Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":"connection_ack"}"#, Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":"start","id":"1","payload":{}}"#, Close::MALFORMED),
        (Protocol::Legacy, r#"{"type":"subscribe","id":"1","payload":{}}"#, Close::MALFORMED),
        (Protocol::Legacy, r#"{"type":"ping"}"#, Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":"subscribe","payload":{}}"#, Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":"subscribe","id":"","payload":{}}"#, Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":"subscribe","id":1,"payload":{}}"#, Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":"subscribe","id":"1"}"#, Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":"ping","type":"connection_init"}"#, Close::MALFORMED),
        (Protocol::TransportWs, r#"{"type":"ping","\u0074ype":"subscribe"}"#, Close::MALFORMED),
        (Protocol::TransportWs, &long, Close::TOO_LARGE),
    ] {
        let guard = api.open(protocol).await;
        assert_eq!(guard.client_said(text).await, Step::Close(close), "{text}");
    }
    let guard = api.open(Protocol::TransportWs).await;
    assert_eq!(guard.client_said(&deep).await, Step::Forward(deep.clone()), "deep, and read by nobody here");
    assert_eq!(guard.client_said(&api.init()).await, Step::Close(Close::TWICE));

    let guard = api.guard(Protocol::TransportWs);
    assert_eq!(guard.client_said(&init(json!({}))).await, refused(Code::NoSession));
    assert_eq!(guard.client_said(&api.init()).await, Step::Close(Close::TWICE), "also after a refusal");
}

#[tokio::test]
async fn what_is_passed_on_holds_what_the_protocol_has_and_nothing_else() {
    let api = Api::new();
    for (protocol, text, passed) in [
        (
            Protocol::TransportWs,
            r#"{ "id":"1", "type":"subscribe", "payload":{"query": "{a}", "n": 1e400} }"#,
            r#"{"type":"subscribe","id":"1","payload":{"query": "{a}", "n": 1e400}}"#,
        ),
        (
            Protocol::TransportWs,
            r#"{"type":"complete","id":"1","Type":"connection_init","TYPE":"x"}"#,
            r#"{"type":"complete","id":"1"}"#,
        ),
        (Protocol::TransportWs, r#"{"type":"ping"}"#, r#"{"type":"ping"}"#),
        (Protocol::TransportWs, r#"{"type":"pong","payload":{}}"#, r#"{"type":"pong","payload":{}}"#),
        (Protocol::Legacy, r#"{"type":"stop","id":"1"}"#, r#"{"type":"stop","id":"1"}"#),
    ] {
        let guard = api.open(protocol).await;
        assert_eq!(guard.client_said(text).await, Step::Forward(passed.into()), "{text}");
    }
    let guard = api.guard(Protocol::TransportWs);
    let Step::Init(mut first) = guard.client_said(&api.init()).await else { panic!() };
    first.payload.remove("headers");
    assert_eq!(first.message(), r#"{"payload":{},"type":"connection_init"}"#);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_who_it_is_in_time_is_let_go() {
    let api = Api::new();
    let guard = api.guard(Protocol::TransportWs);
    guard.client_said(r#"{"type":"ping"}"#).await;
    let begin = tokio::time::sleep(Duration::from_secs(10)).deadline();
    assert_eq!(guard.over().await, Close::LATE);
    assert!(tokio::time::sleep(Duration::ZERO).deadline() >= begin);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_session_is_the_end_of_the_socket() {
    for (batch, code) in [
        (
            |api: &Api| Batch { sessions: vec![(SESSION, api.entry())], ..Batch::default() },
            Code::SessionEnded,
        ),
        (|api: &Api| Batch { epochs: vec![(USER, 2, api.entry())], ..Batch::default() }, Code::ClaimsStale),
        (
            |api: &Api| Batch {
                keys: vec![(api.key.public().unwrap().kid().to_owned(), api.entry())],
                ..Batch::default()
            },
            Code::TokenInvalid,
        ),
    ] as [(fn(&Api) -> Batch, Code); 3]
    {
        let api = Api::new();
        let guard = api.guard(Protocol::TransportWs);
        let (close, ()) = tokio::join!(guard.over(), async {
            assert!(matches!(guard.client_said(&api.init()).await, Step::Init(_)));
            tokio::task::yield_now().await;
            api.feed.apply(&batch(&api));
        });
        assert_eq!(close, Close::coded(code));
        assert_eq!((close.code, close.reason), (4403, code.name()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_refuses_without_news_closes_its_sockets() {
    let api = Api::with(Staleness::Refuse(Duration::from_secs(5)));
    let guard = api.open(Protocol::TransportWs).await;
    api.clock.advance(Duration::from_secs(6));
    assert_eq!(guard.over().await, Close::coded(Code::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_newer_token_moves_the_end_and_any_other_does_not() {
    let api = Api::new();
    let guard = api.open(Protocol::TransportWs).await;
    let first = api.bearer(SESSION);
    assert_eq!(guard.client_said(&reauth(&first)).await, renewed(false), "not newer");
    api.clock.advance(Duration::from_mins(10));
    let other = api.bearer(SessionId::from_bytes([3; 16]));
    for text in [
        reauth(&other),
        reauth("Bearer x"),
        reauth("\u{0}"),
        r#"{"type":"ping","payload":{"type":"reauth"}}"#.into(),
        r#"{"type":"ping","payload":{"type":"reauth","authorization":7}}"#.into(),
        r#"{"type":"ping","payload":{"type":"x","type":"reauth"}}"#.into(),
    ] {
        assert_eq!(guard.client_said(&text).await, renewed(false), "{text}");
    }
    let newer = api.bearer(SESSION);
    assert_eq!(guard.client_said(&reauth(&newer)).await, renewed(true));
    assert_eq!(guard.verified().unwrap().exp, api.clock.now().as_secs() + 900);

    api.clock.advance(Duration::from_secs(900 + 29));
    assert!(
        tokio::time::timeout(Duration::from_millis(900), guard.over()).await.is_err(),
        "within the grace"
    );
    let operation = r#"{"type":"complete","id":"1"}"#;
    assert_eq!(guard.client_said(operation).await, Step::Forward(operation.into()));
    api.clock.advance(Duration::from_secs(1));
    assert_eq!(guard.over().await, Close::coded(Code::TokenExpired));
}

#[tokio::test]
async fn a_newer_token_wants_the_fingerprint_of_the_upgrade_and_a_living_session() {
    let api = Api::new();
    let guard = api.open(Protocol::TransportWs).await;
    api.clock.advance(Duration::from_secs(1));
    api.end();
    assert_eq!(guard.client_said(&reauth(&api.bearer(SESSION))).await, renewed(false));
}

#[test]
fn a_page_that_is_not_on_the_list_opens_no_socket() {
    let origins = Origins::from_iter(["https://app.example"]);
    for (lines, good) in [
        (&[][..], true),
        (&["https://app.example"], true),
        (&["https://app.example.evil"], false),
        (&["http://app.example"], false),
        (&["null"], false),
        (&["https://app.example", "https://evil.example"], false),
    ] {
        let lines = lines.iter().map(|line| (header::ORIGIN, HeaderValue::from_static(line)));
        let headers: HeaderMap = lines.fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        });
        assert_eq!(origins.check(&headers).is_ok(), good, "{headers:?}");
    }
    assert_eq!(Refused::Origin.code(), Code::CsrfRejected);
}

#[test]
fn the_first_protocol_that_is_known_is_spoken() {
    for (offered, protocol) in [
        ("graphql-transport-ws", Some(Protocol::TransportWs)),
        ("graphql-ws", Some(Protocol::Legacy)),
        ("chat, graphql-ws, graphql-transport-ws", Some(Protocol::Legacy)),
        ("GraphQL-WS", None),
        ("", None),
    ] {
        let headers = [(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offered))];
        assert_eq!(Protocol::offered(&HeaderMap::from_iter(headers)), protocol, "{offered}");
    }
}

/// Of the paused time.
fn now() -> Instant {
    tokio::time::sleep(Duration::ZERO).deadline()
}

#[tokio::test(start_paused = true)]
async fn a_client_is_asked_while_it_answers_and_let_go_when_it_does_not() {
    const EVERY: Duration = Duration::from_secs(12);
    for (protocol, ping) in
        [(Protocol::TransportWs, r#"{"type":"ping"}"#), (Protocol::Legacy, r#"{"type":"ka"}"#)]
    {
        let api = Api::new();
        let guard = api.open(protocol).await;
        let (begin, asked) = (now(), AtomicU32::new(0));
        let close = guard.silent(async |said| {
            assert_eq!(said, ping);
            match (asked.fetch_add(1, Ordering::Relaxed), protocol) {
                (0..10, Protocol::TransportWs) => {
                    let pong = r#"{"type":"pong"}"#;
                    assert_eq!(guard.client_said(pong).await, Step::Forward(pong.into()));
                }
                // It has no pong; the WebSocket below it has.
                (0..10, Protocol::Legacy) => guard.heard(),
                _ => (),
            }
        });
        assert_eq!(close.await, Close::SILENT);
        assert_eq!((asked.into_inner(), now() - begin), (10 + 3, EVERY * (1 + 10 + 3)));

        let (guard, begin) = (api.open(protocol).await, now());
        assert_eq!(guard.silent(async |_| std::future::pending().await).await, Close::SILENT);
        assert_eq!(now() - begin, EVERY * (1 + 3), "who does not read is not waited for");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_before_the_init() {
    let api = Api::new();
    let guard = api.guard(Protocol::TransportWs);
    let close = tokio::select! {
        close = guard.over() => close,
        _ = guard.silent(async |_| panic!("it is not known who this is")) => unreachable!(),
    };
    assert_eq!(close, Close::LATE);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_is_the_end_of_the_socket() {
    let (api, stop) = (Api::new(), Stop::new());
    let guard = api.open(Protocol::Legacy).await.until(Some(stop.ending()));
    assert!(tokio::time::timeout(Duration::from_secs(1), guard.over()).await.is_err());
    stop.begin();
    assert_eq!(guard.over().await, Close::ENDING);
    api.end();
    assert_eq!(guard.over().await, Close::coded(Code::SessionEnded), "which is why not to come back");
    drop(guard);
    stop.over().await;
}
