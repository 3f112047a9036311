use std::time::Duration;

use countersign_core::{SessionId, Timestamp};
use countersign_server::app::Scope;
use countersign_verifier::{Refused, Shown};
use serde_json::json;

use crate::client::{Client, EMAIL, FINGERPRINT, claims, file, server, signed_in};
use crate::listener::{Event, Listener, verifier};

fn session(client: &Client) -> SessionId {
    claims(client.bearer.as_ref().unwrap())["sid"].as_str().unwrap().parse().unwrap()
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// The sessions that a stream's begin says have ended: the snapshot may be a little old, and entries follow it.
fn denied(begin: &[Event]) -> Vec<(SessionId, Timestamp)> {
    let told = begin.iter().filter(|event| ["snapshot", "entries"].contains(&event.name.as_str()));
    told.flat_map(|event| event.batch().sessions).collect()
}

#[tokio::test]
async fn it_begins_with_the_keys_what_is_denied_and_a_heartbeat() {
    let (server, mut ann) = signed_in().await;
    let (_, begin) = Listener::of(&server).await;
    assert_eq!(names(&begin), ["keys", "heartbeat"], "nothing is denied yet");
    assert_eq!(begin[0].data, ann.get("/.well-known/jwks.json").await.body);
    let now = 1_800_000_000_000;
    assert_eq!((begin[1].number("as_of"), begin[1].number("now")), (now, now));
    assert!(begin[0].id.is_none() && begin[1].id.is_some());

    let id = session(&ann);
    ann.post("/auth/logout", json!({})).await;
    let (mut listener, begin) = Listener::of(&server).await;
    let told = denied(&begin);
    // Only whoever connects before the server has heard of it is told in an event of its own.
    let told = if told.is_empty() { listener.entries().await.sessions } else { told };
    assert_eq!(told, [(id, Timestamp::from_millis(now + (4 * 3600 + 8 + 60) * 1000))]);
}

#[tokio::test]
async fn every_way_in_which_a_session_ends_is_told() {
    let (server, mut ann) = signed_in().await;
    let (mut listener, _) = Listener::of(&server).await;
    let user = server.app.find_user(EMAIL).await.unwrap().id;
    let mut told = async || {
        let mut sessions: Vec<_> = listener.entries().await.sessions.into_iter().map(|(id, _)| id).collect();
        sessions.sort();
        sessions
    };

    let id = session(&ann);
    assert_eq!(ann.post("/auth/logout", json!({})).await.status, 200);
    assert_eq!(told().await, [id], "a logout");

    ann.login(json!({})).await;
    let mut phone = Client::new(&server);
    phone.login(json!({})).await;
    let id = session(&phone);
    assert_eq!(ann.delete(&format!("/auth/sessions/{id}")).await.status, 204);
    assert_eq!(told().await, [id], "another device");

    phone.login(json!({})).await;
    let mut both = [session(&ann), session(&phone)];
    both.sort();
    assert_eq!(ann.post("/auth/logout/all", json!({})).await.status, 200);
    assert_eq!(told().await, both, "a logout everywhere");

    ann.login(json!({})).await;
    let before = session(&ann);
    ann.login(json!({})).await;
    assert_eq!(told().await, [before], "a login over a session");

    let mut thief = ann.clone();
    for _ in 0..3 {
        ann.refresh().await;
        server.clock.advance(Duration::from_mins(1));
    }
    thief.refresh().await.ended(Some("reuse"));
    assert_eq!(told().await, [session(&ann)], "a refresh token used twice");

    ann.login(json!({})).await;
    assert!(server.app.revoke(user, session(&ann)).await.unwrap());
    assert_eq!(told().await, [session(&ann)], "an administrator");
}

#[tokio::test]
async fn what_makes_older_claims_wrong_is_told() {
    let (server, ann) = signed_in().await;
    let (mut listener, _) = Listener::of(&server).await;
    let user = server.app.find_user(EMAIL).await.unwrap().id;
    let cep = claims(ann.bearer.as_ref().unwrap())["cep"].as_u64().unwrap();

    server.app.set_roles(user, vec!["user".into(), "editor".into()], "user".into()).await.unwrap();
    let batch = listener.entries().await;
    assert_eq!(
        batch.epochs.iter().map(|(id, epoch, _)| (*id, *epoch)).collect::<Vec<_>>(),
        [(user, cep + 1)]
    );
    assert!(batch.sessions.is_empty());

    server.app.set_password(user, "correct horses".to_owned().into()).await.unwrap();
    let batch = listener.entries().await;
    assert_eq!((batch.epochs[0].1, batch.sessions[0].0), (cep + 2, session(&ann)));

    server.app.set_disabled(user, true).await.unwrap();
    assert_eq!(listener.entries().await.epochs[0].1, cep + 3);
}

#[tokio::test]
async fn keys_are_told_as_they_change_and_one_that_was_withdrawn_is_denied() {
    let (server, mut ann) = signed_in().await;
    let (mut listener, begin) = Listener::of(&server).await;
    let published = |event: &Event| event.data["keys"].as_array().unwrap().len();
    assert_eq!(published(&begin[0]), 2);
    server.app.rotate_signing_keys(true).await.unwrap();
    assert_eq!(published(listener.until("keys").await.last().unwrap()), 3);

    let kid = server.app.signing_keys().await.unwrap()[1].kid.clone();
    server.app.withdraw_signing_key(&kid).await.unwrap();
    assert_eq!(listener.entries().await.keys[0].0, kid);
    let keys = listener.until("keys").await.pop().unwrap();
    assert!(keys.id.is_some() && !keys.data.to_string().contains(&kid));
    assert_eq!(keys.data, ann.get("/.well-known/jwks.json").await.body);
}

#[tokio::test]
async fn who_was_cut_off_goes_on_after_the_last_event() {
    let (server, mut ann) = signed_in().await;
    let client = verifier(&server).await;
    let mut listener = Listener::open(&client, None).await;
    let id = listener.until("heartbeat").await.pop().unwrap().id.unwrap();
    drop(listener);
    let ended = session(&ann);
    ann.post("/auth/logout", json!({})).await;

    let mut listener = Listener::open(&client, Some(&id)).await;
    assert_eq!(listener.next().await.unwrap().name, "keys");
    let entries = listener.until("entries").await.pop().unwrap();
    assert_eq!(entries.batch().sessions[0].0, ended);

    // A place of another run, one that was never reached, and no place at all: everything again.
    let (node, place) = entries.id.as_ref().unwrap().split_once('.').unwrap();
    for id in [&format!("other.{place}"), &format!("{node}.99"), &format!("{node}.-1"), "nonsense", ""] {
        let begin = Listener::open(&client, Some(id)).await.until("heartbeat").await;
        assert_eq!(denied(&begin).len(), 1, "{id}: {begin:?}");
    }
    let begin = Listener::open(&client, entries.id.as_deref()).await.until("heartbeat").await;
    assert_eq!(names(&begin), ["keys", "heartbeat"]);
}

#[tokio::test]
async fn it_needs_a_key_for_it() {
    let (server, mut ann) = signed_in().await;
    ann.get("/auth/revocations").await.refused(403, "FORBIDDEN");
    let mut client = Client::new(&server);
    client.get("/auth/revocations").await.refused(403, "FORBIDDEN");
    let (_, key) = server.app.add_service_key("other".into(), &[Scope::Metrics, Scope::Ssr]).await.unwrap();
    client.bearer = Some(key.to_string());
    client.get("/auth/revocations").await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn it_ends_at_once_with_the_server() {
    let server = server().await;
    let (mut listener, _) = Listener::of(&server).await;
    drop(server);
    while listener.next().await.is_some() {}
}

#[tokio::test]
async fn a_heartbeat_is_as_fresh_as_the_last_reading() {
    let server = server().await;
    let (mut listener, _) = Listener::of(&server).await;
    let outside = rusqlite::Connection::open(file(&server)).unwrap();
    outside.execute_batch("ALTER TABLE denylist RENAME TO away").unwrap();
    let until = async |listener: &mut Listener, fresh: bool| loop {
        server.clock.advance(Duration::from_secs(1));
        let beat = listener.until("heartbeat").await.pop().unwrap();
        // One second goes by between the reading and the heartbeat, or more: the clock is ours.
        if (beat.number("now") - beat.number("as_of") < 3_000) == fresh {
            return;
        }
    };
    until(&mut listener, false).await;
    outside.execute_batch("ALTER TABLE away RENAME TO denylist").unwrap();
    until(&mut listener, true).await;
}

#[tokio::test]
async fn the_server_checks_tokens_as_any_verifier_does() {
    let (server, mut ann) = signed_in().await;
    let before = ann.clone();
    let shown = Shown {
        token: before.bearer.as_deref(),
        fingerprint: before.cookies.get(FINGERPRINT).map(String::as_str),
    };
    let (mut listener, _) = Listener::of(&server).await;
    assert!(server.app.verifier().verify(&shown).await.is_ok());
    ann.post("/auth/logout", json!({})).await;
    listener.entries().await;
    assert_eq!(server.app.verifier().verify(&shown).await.unwrap_err(), Refused::SessionEnded);
}
