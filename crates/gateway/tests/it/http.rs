//! Bodies, refusals, and requests that are odd on purpose.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::Span;
use countersign_gateway::config::OnStale;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::api::Api;
use crate::gate::Gate;

#[tokio::test]
async fn who_may_not_pass_is_told_why_and_the_api_never_hears_of_it() {
    let api = Api::start().await;
    let gate = Gate::before(api.address, |_| ()).await;
    let none = gate.get("/", "").await;
    assert_eq!(none.code(), (401, "NO_SESSION".into()));
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    let forged = gate.get("/", &gate.known().replacen("Bearer ", "Bearer x", 1)).await;
    assert_eq!(forged.code(), (401, "TOKEN_INVALID".into()));
    let bare = gate.get("/", &format!("Authorization: Bearer {}\r\n", gate.token())).await;
    assert_eq!(bare.code(), (401, "FINGERPRINT_MISMATCH".into()));
    assert_eq!(bare.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    assert!(bare.body.contains("__Host-csfp is missing"), "{}", bare.body);

    let known = gate.known();
    assert_eq!(gate.get("/", &known).await.status, 200);
    gate.end_session();
    assert_eq!(gate.get("/", &known).await.code(), (401, "SESSION_ENDED".into()));
    assert_eq!(api.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn bodies_stream_through_both_ways() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let mut stream = TcpStream::connect(gate.address).await.unwrap();
    let head =
        format!("POST /stream HTTP/1.1\r\nHost: h\r\n{}Transfer-Encoding: chunked\r\n\r\n", gate.known());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = String::new();
    // Each piece comes back before the next is sent: nothing holds a body until it is whole.
    for piece in ["first", "second", "third"] {
        stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes()).await.unwrap();
        while !read.contains(piece) {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            assert!(count > 0, "{read}");
            read.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let body = "x".repeat(1_000_000);
    let headers = format!("{}Content-Length: {}\r\n", gate.known(), body.len());
    let answer = gate.ask("POST", "/count", &headers, &body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "1000000"));
}

#[tokio::test]
async fn a_body_of_two_lengths_is_one_body_behind() {
    let api = Api::start().await;
    let gate = Gate::before(api.address, |_| ()).await;
    let inner = format!("GET /inner HTTP/1.1\r\nHost: h\r\n{}\r\n", gate.known());
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        let body = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
        let answer = gate.ask("POST", "/outer", &format!("{}{lengths}", gate.known()), &body).await;
        assert!([200, 400].contains(&answer.status), "{answer:?}");
        if answer.status == 200 {
            assert_eq!(answer.json()["body"], inner, "all of it is the body");
            assert_eq!(answer.saw("content-length"), [] as [&str; 0]);
        }
    }
    let asked = api.asked.load(Ordering::Relaxed);
    for odd in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: +5\r\n",
    ] {
        let answer = gate.ask("POST", "/odd", &format!("{}{odd}", gate.known()), "hello").await;
        assert_eq!(answer.status, 400, "{odd}: {answer:?}");
    }
    assert_eq!(api.asked.load(Ordering::Relaxed), asked, "no odd one went on");
}

#[tokio::test]
async fn trailers_say_nothing_to_the_api() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let headers = format!("{}Transfer-Encoding: chunked\r\nTrailer: x-hasura-role\r\n", gate.known());
    let answer = gate.ask("POST", "/a", &headers, "1\r\na\r\n0\r\nx-hasura-role: admin\r\n\r\n").await;
    assert_eq!(answer.json()["body"], "a");
    assert_eq!(answer.saw("x-hasura-role"), ["user"]);
    assert_eq!(answer.saw("trailer"), [] as [&str; 0]);
}

#[tokio::test]
async fn a_path_leads_nowhere_but_under_the_api() {
    let gate = Gate::before(Api::start().await.address, |config| config.upstream += "/v1").await;
    assert_eq!(gate.get("/a", &gate.known()).await.json()["uri"], "/v1/a");
    assert_eq!(gate.get("http://elsewhere.example/a", &gate.known()).await.json()["uri"], "/v1/a");
    assert_eq!(gate.get("/../admin", &gate.known()).await.code(), (400, "BAD_REQUEST".into()));
    assert_eq!(gate.get("/%2e%2e/admin", &gate.known()).await.code(), (400, "BAD_REQUEST".into()));
}

#[tokio::test]
async fn an_api_that_breaks_off_breaks_the_answer_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gate = Gate::before(listener.local_addr().unwrap(), |_| ()).await;
    let broken = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await.unwrap();
    };
    let known = gate.known();
    let (answer, ()) = tokio::join!(gate.get("/", &known), broken);
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("one") && !answer.body.ends_with("0\r\n\r\n"), "{}", answer.body);
}

#[tokio::test]
async fn an_api_that_is_away_or_lost_the_request_is_502_and_not_asked_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gate = Gate::before(listener.local_addr().unwrap(), |_| ()).await;
    let known = gate.known();
    let taken = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        assert!(stream.read(&mut bytes).await.unwrap() > 0);
        drop(stream);
    };
    let headers = format!("{known}Content-Length: 2\r\n");
    let (answer, ()) = tokio::join!(gate.ask("POST", "/", &headers, "{}"), taken);
    assert_eq!(answer.code(), (502, "UNAVAILABLE".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let again = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(again.is_err(), "a lost POST was sent again");

    drop(listener);
    assert_eq!(gate.get("/", &known).await.code(), (502, "UNAVAILABLE".into()));
}

#[tokio::test]
async fn an_api_that_does_not_answer_is_504() {
    let gate = Gate::before(Api::start().await.address, |config| {
        config.upstream_timeout = Span(Duration::from_millis(50));
    })
    .await;
    assert_eq!(gate.get("/never", &gate.known()).await.code(), (504, "UNAVAILABLE".into()));
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let headers = format!("{}X-Long: {}\r\n", gate.known(), "x".repeat(70_000));
    assert_eq!(gate.get("/", &headers).await.status, 431);
}

#[tokio::test]
async fn a_gateway_without_news_says_so_and_one_that_must_not_be_stale_refuses() {
    let gate = Gate::before(Api::start().await.address, |config| {
        config.staleness = OnStale::Refuse;
    })
    .await;
    let known = gate.known();
    gate.clock.advance(Duration::from_secs(6));
    let answer = gate.get("/", &known).await;
    assert_eq!(answer.code(), (503, "UNAVAILABLE".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn an_event_stream_ends_with_its_session() {
    let gate = Gate::before(Api::start().await.address, |_| ()).await;
    let mut stream = TcpStream::connect(gate.address).await.unwrap();
    let head = format!("GET /events HTTP/1.1\r\nHost: h\r\n{}Connection: close\r\n\r\n", gate.known());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("data: 1") {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0);
    }
    gate.end_session();
    stream.read_to_end(&mut read).await.unwrap();
    assert!(read.ends_with(b"0\r\n\r\n"), "as a whole answer, so that the client asks again");
}
