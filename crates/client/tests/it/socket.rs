use std::time::Duration;

use countersign_client::{Error, Event, Mode, Operation, SignedOut, Socket, State, Subscription};
use countersign_core::Code;
use countersign_core::code::EndReason;
use serde_json::json;

use crate::peer::{Api, Peer};
use crate::relay::Fault;
use crate::scene::{LIFE, REFRESH, Scene};

/// A client with a subscription, and the API at its other end.
struct Live {
    scene: Scene,
    api: Api,
    socket: Socket,
    notes: Subscription,
}

fn operation() -> Operation {
    Operation::new("subscription Notes { note }").named("Notes").variables(json!({ "of": "ann" }))
}

async fn live() -> Live {
    let api = Api::start().await;
    let url = api.url.replace("ws", "http");
    let scene = Scene::with(|config| config.api(url)).await;
    scene.login(Mode::Cookie).await;
    let socket = scene.client.socket(&format!("{}/graphql", api.url)).unwrap();
    let notes = socket.subscribe(operation());
    Live { scene, api, socket, notes }
}

async fn note(notes: &mut Subscription) -> u64 {
    match notes.next().await {
        Some(Ok(Event::Next(execution))) => execution.data["note"].as_u64().unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn end(notes: &mut Subscription) -> Error {
    let error = notes.next().await.unwrap().unwrap_err();
    assert!(notes.next().await.is_none(), "nothing comes after the end");
    error
}

async fn newer(peer: &mut Peer) -> String {
    let ping = peer.hear().await;
    assert_eq!((&ping["type"], &ping["payload"]["type"]), (&json!("ping"), &json!("reauth")), "{ping}");
    ping["payload"]["authorization"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_subscription_shows_token_and_fingerprint_and_no_more() {
    let mut live = live().await;
    let (mut peer, token) = live.api.connected().await;
    assert_eq!(token, format!("Bearer {}", live.scene.client.token().await.unwrap().expose()));
    let cookie = peer.headers["cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-csfp=") && !cookie.contains("csrt"), "{cookie}");
    let begun = peer.hear().await;
    let payload = json!({ "query": "subscription Notes { note }", "variables": { "of": "ann" }, "operationName": "Notes" });
    assert_eq!(begun, json!({ "type": "subscribe", "id": "0", "payload": payload }));
    peer.say(json!({ "type": "ping", "payload": 7 })).await;
    assert_eq!(peer.hear().await, json!({ "type": "pong", "payload": 7 }));
    for at in 0..3 {
        peer.next("0", at).await;
        assert_eq!(note(&mut live.notes).await, at);
    }
    peer.say(json!({ "type": "complete", "id": "0" })).await;
    assert!(live.notes.next().await.is_none());
    assert_eq!(peer.hear().await, json!({ "closed": 1000 }), "the last one closes");
}

#[tokio::test]
async fn a_subscription_outlives_its_token_on_the_same_connection() {
    let mut live = live().await;
    let (mut peer, mut token) = live.api.connected().await;
    let id = peer.subscribed().await;
    for at in 0..5 {
        // Nobody asks for a token, and it is renewed all the same.
        live.scene.wait(LIFE.mul_f64(0.9));
        let mut said = vec![peer.hear().await];
        if said[0]["payload"].is_null() {
            // So long without a word, it also asks whether anybody is there.
            peer.say(json!({ "type": "pong" })).await;
            said.push(peer.hear().await);
        }
        let newer = said.last().unwrap()["payload"]["authorization"].as_str().unwrap().to_owned();
        assert_ne!(newer, token);
        token = newer;
        peer.say(json!({ "type": "pong", "payload": { "type": "reauth", "ok": true } })).await;
        peer.next(&id, at).await;
        assert_eq!(note(&mut live.notes).await, at);
    }
    assert_eq!(live.scene.refreshes(), 5);
}

#[tokio::test]
async fn where_no_newer_token_is_taken_the_connection_is_opened_anew_before_the_end() {
    let mut live = live().await;
    let (mut peer, first) = live.api.connected().await;
    let id = peer.subscribed().await;
    let old = live.scene.client.token().await.unwrap();
    live.scene.client.token_instead_of(&old).await.unwrap();
    let token = newer(&mut peer).await;
    assert_ne!(token, first);
    // A server that does not know this answers as to any ping.
    peer.say(json!({ "type": "pong" })).await;
    peer.next(&id, 1).await;
    assert_eq!(note(&mut live.notes).await, 1);
    live.scene.wait(Duration::from_secs(2));
    let nearly = LIFE.checked_sub(Duration::from_secs(7)).unwrap();
    let left = live.scene.time.asleep(nearly..nearly + Duration::from_millis(1)).await;
    live.scene.wait(left);
    let (mut next, shown) = live.api.connected().await;
    assert_ne!(shown, first);
    assert_eq!(next.subscribed().await, id);
    assert_eq!(live.notes.next().await.unwrap().unwrap(), Event::Resumed);
    next.next(&id, 2).await;
    assert_eq!(note(&mut live.notes).await, 2);
}

#[tokio::test]
async fn after_a_session_that_a_server_holds_for_ended_the_refresh_decides() {
    let mut live = live().await;
    let (mut peer, first) = live.api.connected().await;
    peer.subscribed().await;
    peer.close(4403, "SESSION_ENDED").await;
    let (mut peer, second) = live.api.connected().await;
    assert_ne!(first, second);
    peer.subscribed().await;
    assert_eq!(live.notes.next().await.unwrap().unwrap(), Event::Resumed);
    assert_eq!(live.scene.refreshes(), 1);
}

#[tokio::test]
async fn an_ended_session_ends_the_subscription_after_one_refresh() {
    let mut live = live().await;
    let (mut peer, _) = live.api.connected().await;
    peer.subscribed().await;
    live.scene.server.clock.advance(Duration::from_hours(1));
    peer.close(4403, "SESSION_ENDED").await;
    let Error::SignedOut(SignedOut::Ended(refusal)) = end(&mut live.notes).await else { panic!() };
    assert_eq!(refusal.reason, Some(EndReason::Idle));
    assert_eq!(live.scene.refreshes(), 1);
    assert!(live.scene.signed_out().is_some());
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_no_loop() {
    let mut live = live().await;
    for _ in 0..2 {
        let (mut peer, _) = live.api.connected().await;
        peer.subscribed().await;
        peer.close(4403, "TOKEN_INVALID").await;
    }
    loop {
        match live.notes.next().await.unwrap() {
            Ok(event) => assert_eq!(event, Event::Resumed),
            Err(Error::Closed { code: 4403, reason }) => break assert_eq!(reason, "TOKEN_INVALID"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((live.scene.refreshes(), live.scene.signed_out()), (1, None));
}

#[tokio::test]
async fn what_opening_again_cannot_mend_is_an_error() {
    for (code, reason) in
        [(4400, "Bad"), (4403, "FORBIDDEN"), (4409, "Subscriber exists"), (4429, "Too many")]
    {
        let mut live = live().await;
        let (mut peer, _) = live.api.connected().await;
        peer.subscribed().await;
        peer.close(code, reason).await;
        let error = end(&mut live.notes).await;
        assert!(matches!(error, Error::Closed { code: closed, .. } if closed == code), "{error}");
        assert_eq!(live.scene.refreshes(), 0);
    }
}

#[tokio::test]
async fn a_refused_upgrade_is_judged_by_its_code() {
    let refused = |status: &str, code: &str, action: &str| {
        let body = json!({ "error": { "code": code, "action": action, "message": "" } }).to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let mut live = live().await;
    live.api.answer(&refused("503 Unavailable", "UNAVAILABLE", "retry")).await;
    live.scene.wait_out().await;
    live.api.answer(&refused("401 Unauthorized", "CLAIMS_STALE", "refresh")).await;
    live.api.answer(&refused("404 Not Found", "BAD_REQUEST", "fix")).await;
    assert_eq!(end(&mut live.notes).await.code(), Some(Code::BadRequest));
    assert_eq!((live.scene.refreshes(), live.scene.signed_out()), (1, None));
}

#[tokio::test]
async fn a_broken_connection_is_opened_again_with_all_its_subscriptions() {
    let mut live = live().await;
    let mut others = live.socket.subscribe(Operation::new("subscription { other }"));
    let (mut peer, _) = live.api.connected().await;
    assert_eq!((peer.subscribed().await, peer.subscribed().await), ("0".into(), "1".into()));
    drop(peer);
    for _ in 0..3 {
        live.scene.wait_out().await;
        live.api.answer("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhotel").await;
    }
    live.scene.wait_out().await;
    live.api.answer("HTTP/1.1 302 Found\r\nlocation: http://localhost/\r\ncontent-length: 0\r\n\r\n").await;
    live.scene.wait_out().await;
    let mut peer = live.api.upgraded().await;
    peer.hear().await;
    peer.say_text("<h1>hotel</h1>").await;
    live.scene.wait_out().await;
    let (mut peer, _) = live.api.connected().await;
    assert_eq!((peer.subscribed().await, peer.subscribed().await), ("0".into(), "1".into()));
    for notes in [&mut live.notes, &mut others] {
        assert_eq!(notes.next().await.unwrap().unwrap(), Event::Resumed);
    }
    assert_eq!((live.scene.refreshes(), live.scene.signed_out()), (0, None));
}

#[tokio::test]
async fn a_peer_that_is_silent_is_asked_and_given_up() {
    let mut live = live().await;
    let (mut peer, _) = live.api.connected().await;
    peer.subscribed().await;
    live.scene.wait(Duration::from_secs(30));
    assert_eq!(peer.hear().await, json!({ "type": "ping" }));
    peer.say(json!({ "type": "pong" })).await;
    peer.next("0", 1).await;
    assert_eq!(note(&mut live.notes).await, 1);
    live.scene.wait(Duration::from_secs(30));
    assert_eq!(peer.hear().await, json!({ "type": "ping" }));
    live.scene.wait(Duration::from_secs(10));
    live.scene.wait_out().await;
    let (mut next, _) = live.api.connected().await;
    assert_eq!(next.subscribed().await, "0");
}

#[tokio::test]
async fn a_logout_closes_and_stays_closed() {
    let mut live = live().await;
    let (mut peer, _) = live.api.connected().await;
    peer.subscribed().await;
    live.scene.client.logout().await.unwrap();
    assert_eq!(peer.hear().await, json!({ "closed": 1000 }));
    assert!(matches!(end(&mut live.notes).await, Error::SignedOut(SignedOut::User)));
    let mut late = live.socket.subscribe(operation());
    assert!(matches!(end(&mut late).await, Error::SignedOut(SignedOut::User)));
}

#[tokio::test]
async fn another_session_needs_other_subscriptions() {
    let mut live = live().await;
    let (mut peer, _) = live.api.connected().await;
    peer.subscribed().await;
    live.scene.login(Mode::Cookie).await;
    assert_eq!(peer.hear().await, json!({ "closed": 1000 }));
    assert!(matches!(end(&mut live.notes).await, Error::SignedOut(SignedOut::User)));
    let _notes = live.socket.subscribe(operation());
    let (_peer, token) = live.api.connected().await;
    assert_eq!(token, format!("Bearer {}", live.scene.client.token().await.unwrap().expose()));
}

#[tokio::test]
async fn a_dropped_subscription_is_completed() {
    let live = live().await;
    let (mut peer, _) = live.api.connected().await;
    peer.subscribed().await;
    let other = live.socket.subscribe(operation());
    assert_eq!(peer.subscribed().await, "1");
    drop(live.notes);
    assert_eq!(peer.hear().await, json!({ "type": "complete", "id": "0" }));
    drop(other);
    assert_eq!(peer.hear().await, json!({ "type": "complete", "id": "1" }));
    assert_eq!(peer.hear().await, json!({ "closed": 1000 }));
}

#[tokio::test]
async fn an_operation_that_fails_ends_alone() {
    let mut live = live().await;
    let (mut peer, _) = live.api.connected().await;
    peer.subscribed().await;
    let mut other = live.socket.subscribe(operation());
    peer.subscribed().await;
    let errors = json!([{ "message": "no such field" }]);
    peer.say(json!({ "type": "error", "id": "0", "payload": errors })).await;
    let Error::Operation(told) = end(&mut live.notes).await else { panic!() };
    assert_eq!(json!(told), errors);
    peer.next("1", 5).await;
    assert_eq!(note(&mut other).await, 5);
}

#[tokio::test]
async fn events_that_nobody_takes_end_the_subscription() {
    let mut live = live().await;
    let (mut peer, _) = live.api.connected().await;
    peer.subscribed().await;
    for at in 0..=1024 {
        peer.next("0", at).await;
    }
    assert_eq!(peer.hear().await, json!({ "type": "complete", "id": "0" }));
    for at in 0..1024 {
        assert_eq!(note(&mut live.notes).await, at);
    }
    assert!(matches!(end(&mut live.notes).await, Error::Lagged));
}

#[tokio::test]
async fn a_refresh_that_fails_is_tried_again_while_a_subscription_lives() {
    let mut live = live().await;
    let (mut peer, first) = live.api.connected().await;
    peer.subscribed().await;
    let away = || Fault::Answer(503, &[("retry-after", "60")], String::new());
    live.scene.relay.next(REFRESH, [away()]);
    live.scene.wait(LIFE.mul_f64(0.87));
    let degraded = |state: &State| matches!(state, State::Degraded(..));
    live.scene.client.state().wait_for(degraded).await.unwrap();
    let ping = peer.hear().await;
    assert_eq!(ping, json!({ "type": "ping" }));
    peer.say(json!({ "type": "pong" })).await;
    for at in 0..13 {
        let again = Duration::from_millis(4_999)..Duration::from_millis(5_001);
        let span = live.scene.time.asleep(again).await;
        live.scene.wait(span);
        peer.next("0", at).await;
        assert_eq!(note(&mut live.notes).await, at);
    }
    live.scene.relay.arrived(REFRESH, 2).await;
    assert_ne!(newer(&mut peer).await, first);
    assert_eq!(live.scene.refreshes(), 2, "not before it may");
}

#[tokio::test]
async fn no_connection_goes_to_a_stranger() {
    let live = live().await;
    for url in ["ws://127.0.0.1:9/graphql", "wss://api.example.com/graphql", "ws", "", "file:///etc/passwd"] {
        assert!(matches!(live.scene.client.socket(url), Err(Error::Untrusted(_))), "{url}");
    }
}
