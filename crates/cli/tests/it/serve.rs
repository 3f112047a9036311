//! `countersign serve`: its one line, its sockets, and its end.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};

use reqwest::{Certificate, ClientBuilder, Version};
use tempfile::TempDir;

use crate::running::{Server, countersign};

const CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/localhost.crt");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/localhost.key");

/// Opens a connection and keeps it alive after its first answer.
fn keep_alive(address: impl std::net::ToSocketAddrs) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    stream
}

#[test]
fn prints_one_line_and_ends_cleanly_while_a_connection_is_open() {
    let server = Server::start(&[]);
    let mut open = keep_alive(("127.0.0.1", server.port()));
    let (status, rest) = server.terminate();
    assert_eq!(status.code(), Some(0));
    assert_eq!(rest, "", "standard output is one line");
    assert!(open.read_to_end(&mut Vec::new()).is_ok(), "the connection was closed, not cut");
}

#[test]
fn listens_on_the_other_localhost_too() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return eprintln!("skipped: this machine has no ::1");
    }
    let server = Server::start(&[]);
    keep_alive((Ipv6Addr::LOCALHOST, server.port()));
}

#[cfg(target_os = "linux")]
#[test]
fn as_many_files_as_the_machine_allows_may_be_open() {
    let data = TempDir::new().unwrap();
    let mut command = std::process::Command::new("sh");
    let serve = "ulimit -S -n 100 && exec \"$0\" serve --listen 127.0.0.1:0";
    command.args(["-c", serve, env!("CARGO_BIN_EXE_countersign")]).env("COUNTERSIGN_DATA", data.path());
    let server = Server::started(command, data);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process())).unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard, ..] = files.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{files}") };
    assert_eq!(soft, hard);
}

#[test]
fn a_taken_port_is_an_error_that_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = TempDir::new().unwrap();
    let output = countersign(data.path(), &["serve", "--listen", &address]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains(&format!("countersign: cannot listen on {address}: Address already in use")),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing was made");
}

#[tokio::test]
async fn serves_https_by_both_versions_of_http() {
    let server = Server::start(&["--tls-cert", CERT, "--tls-key", KEY]);
    assert!(server.url.starts_with("https://localhost:"));
    let trusted = Certificate::from_pem(&std::fs::read(CERT).unwrap()).unwrap();
    let client = || ClientBuilder::new().tls_certs_only([trusted.clone()]);
    for (client, version) in [(client(), Version::HTTP_2), (client().http1_only(), Version::HTTP_11)] {
        let jwks = format!("{}/.well-known/jwks.json", server.url);
        let response = client.build().unwrap().get(jwks).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
    }
    let plain = server.url.replace("https", "http");
    assert!(reqwest::get(plain).await.is_err(), "no plain HTTP on that port");
}

#[test]
fn a_bad_certificate_is_named() {
    let data = TempDir::new().unwrap();
    for (cert, key, named) in [(CERT, CERT, CERT), (KEY, KEY, KEY), ("missing.crt", KEY, "missing.crt")] {
        let args = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key];
        let output = countersign(data.path(), &args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.starts_with(&format!("countersign: {named}: ")), "{error}");
    }
}
