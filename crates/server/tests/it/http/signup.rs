use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{
    Client, EMAIL, FINGERPRINT, HINT, NAME, PASSWORD, REFRESH, claims, server, server_with, signed_in,
};

#[tokio::test]
async fn it_answers_a_session() {
    let server = server().await;
    let mut ann = Client::new(&server);
    let answer = ann.signup(json!({})).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let token = claims(&answer.text("/jwt_token"));
    assert_eq!(answer.text("/jwt_token_expiry"), "2027-01-15T08:15:00Z");
    assert_eq!(*answer.at("/expires_in"), 900);
    assert_eq!(*answer.at("/server_time"), 1_800_000_000_000_u64);
    assert_eq!(answer.body.get("refresh_token"), None, "it is in the cookie");
    assert_eq!(*answer.at("/session/depth"), 0);
    assert_eq!(answer.text("/session/expires_at"), "2027-01-15T20:00:00Z");
    assert_eq!(*answer.at("/session/idle_expires_in"), 3600);
    assert_eq!(answer.session_id(), token["sid"]);
    assert_eq!(answer.text("/user/id"), token["sub"]);
    assert_eq!(answer.text("/user/email"), EMAIL);
    assert_eq!(answer.text("/user/username"), "ann");
    assert_eq!(*answer.at("/user/roles"), json!(["user"]));
    assert_eq!(answer.at("/user").as_object().unwrap().len(), 6, "and no password: {}", answer.text);
    assert_eq!(ann.cookies.keys().collect::<Vec<_>>(), [FINGERPRINT, HINT, REFRESH]);
    assert_eq!(ann.cookies[HINT], format!("{}.0", answer.session_id()));
}

#[tokio::test]
async fn a_taken_name_is_refused_however_it_is_written() {
    let (server, _ann) = signed_in().await;
    for (email, username) in [
        (EMAIL, "other"),
        ("ANN@Example.COM", "other"),
        ("\u{ff41}nn@example.com", "other"),
        ("other@example.com", "Ann"),
        ("other@example.com", "a\u{ff4e}n"),
    ] {
        let answer = Client::new(&server).signup(json!({ "email": email, "username": username })).await;
        answer.refused(409, "ACCOUNT_EXISTS");
    }
}

#[tokio::test]
async fn what_is_no_account_is_refused() {
    let server = server().await;
    for more in [
        json!({ "email": "ann" }),
        json!({ "username": "a@b" }),
        json!({ "username": "a b" }),
        json!({ "password": "short" }),
        json!({ "password": "x".repeat(1025) }),
        json!({ "mode": "both" }),
        json!({ "email": 1 }),
        json!({ "password": null }),
    ] {
        Client::new(&server).signup(more.clone()).await.refused(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn a_user_name_is_not_needed() {
    let server = server().await;
    let answer = Client::new(&server).signup(json!({ "username": null })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(claims(&answer.text("/jwt_token")).get("preferred_username"), None);
}

#[tokio::test]
async fn registration_can_be_closed() {
    let server = server_with(|config| config.signup = false).await;
    Client::new(&server).signup(json!({})).await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn the_session_that_came_along_ends() {
    let (server, mut ann) = signed_in().await;
    let mut old = ann.clone();
    let bob = json!({ "email": "bob@example.com", "username": "bob" });
    assert_eq!(ann.signup(bob).await.status, 201);
    old.refresh().await.ended(Some("logout"));
    assert_eq!(ann.refresh().await.status, 200);
    drop(server);
}

#[tokio::test]
async fn it_is_finished_when_the_client_hangs_up() {
    let server = server().await;
    let body = json!({ "email": EMAIL, "username": NAME, "password": PASSWORD }).to_string();
    let address = server.url.replace("http://localhost", "127.0.0.1");
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /auth/signup HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all([head, body].concat().as_bytes()).await.unwrap();
    drop(socket);
    // The hash of the password takes longer than the news that nobody waits.
    for _ in 0..100 {
        if Client::new(&server).login(json!({})).await.status == 200 {
            return;
        }
    }
    panic!("the sign-up was dropped half-way");
}
