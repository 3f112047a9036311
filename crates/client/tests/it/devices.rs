//! Accounts, and the sessions of a user beside this one.

use std::sync::Arc;

use countersign_client::{Client, Config, Error, Login, Mode, SignUp, SignedOut};
use countersign_core::code::EndReason;
use countersign_core::{Action, Code};
use tokio::sync::oneshot;

use crate::relay::Fault;
use crate::scene::{LIFE, ME, NAME, PASSWORD, REFRESH, Scene, me};

const ALL: &str = "/auth/logout/all";
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn bob(mode: Mode) -> SignUp {
    SignUp::new("bob@example.com", PASSWORD.to_owned()).username("bob").mode(mode)
}

/// Ann on another device.
async fn another(scene: &Scene) -> Client {
    let config = Config::new(&scene.relay.url).world(Arc::clone(&scene.time) as Arc<_>);
    let client = Client::new(config).unwrap();
    client.login(Login::new(NAME, PASSWORD.to_owned())).await.unwrap();
    client
}

fn ended(error: &Error) -> Option<EndReason> {
    match error {
        Error::SignedOut(SignedOut::Ended(refusal)) => refusal.reason,
        _ => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn an_account_begins_with_a_session_in_both_modes() {
    for mode in [Mode::Cookie, Mode::Header] {
        let scene = Scene::signed_in().await;
        let who = scene.client.sign_up(bob(mode)).await.unwrap();
        assert_eq!(who.user.email, "bob@example.com");
        assert_eq!(scene.events(), ["login", "signup", "login", "logout"], "the session before ends");
        scene.wait(LIFE);
        let (status, me) = scene.me().await;
        assert_eq!((status, me["username"].as_str()), (200, Some("bob")));
    }
}

#[tokio::test]
async fn a_refused_account_changes_nothing() {
    let scene = Scene::signed_in().await;
    let before = scene.client.who();
    let taken = SignUp::new("ann@example.com", PASSWORD.to_owned());
    let error = scene.client.sign_up(taken).await.unwrap_err();
    assert_eq!((error.code(), error.action()), (Some(Code::AccountExists), Action::Fix));
    let error = scene.client.sign_up(SignUp::new("bob@example.com", "short".to_owned())).await.unwrap_err();
    assert_eq!((error.code(), error.action()), (Some(Code::BadRequest), Action::Fix));
    assert_eq!(scene.client.who(), before);
    assert_eq!(scene.me().await.0, 200);
}

#[tokio::test]
async fn a_fork_lives_by_itself_and_ends_with_its_parent() {
    let scene = Scene::new().await;
    scene.login(Mode::Header).await;
    let (one, other) = (scene.client.fork().await.unwrap(), scene.client.fork().await.unwrap());
    let sessions = [&scene.client, &one, &other].map(|client| client.who().unwrap().session);
    assert_ne!(sessions[0], sessions[1]);
    assert_ne!(sessions[1], sessions[2]);
    for _ in 0..3 {
        scene.wait(LIFE);
        for client in [&scene.client, &one, &other] {
            assert_eq!(me(client, &scene.relay.url).await.0, 200);
        }
    }
    one.logout().await.unwrap();
    assert_eq!(scene.me().await.0, 200, "its parent lives on");
    scene.client.logout().await.unwrap();
    scene.wait(LIFE);
    assert_eq!(ended(&other.token().await.err().unwrap()), Some(EndReason::Logout));
    assert_eq!(scene.events(), ["login", "fork", "fork", "logout", "logout"]);
}

#[tokio::test]
async fn a_fork_is_for_header_mode() {
    let scene = Scene::new().await;
    let error = scene.client.fork().await.unwrap_err();
    assert!(matches!(error, Error::SignedOut(SignedOut::Never)), "{error:?}");
    scene.login(Mode::Cookie).await;
    let error = scene.client.fork().await.unwrap_err();
    assert_eq!((error.code(), error.action()), (Some(Code::BadRequest), Action::Fix));
    assert_eq!(scene.me().await.0, 200);
}

#[tokio::test]
async fn a_fork_that_comes_after_the_logout_is_nobodys() {
    let scene = Scene::new().await;
    scene.login(Mode::Header).await;
    let (release, held) = oneshot::channel();
    scene.relay.next(REFRESH, [Fault::Late(held)]);
    let client = scene.client.clone();
    let forking = tokio::spawn(async move { client.fork().await.map(|_| ()) });
    scene.relay.arrived(REFRESH, 1).await;
    scene.client.logout().await.unwrap();
    release.send(()).unwrap();
    let error = forking.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::SignedOut(SignedOut::User)), "{error:?}");
}

#[tokio::test]
async fn a_logout_everywhere_ends_every_session() {
    let scene = Scene::signed_in().await;
    let other = another(&scene).await;
    scene.client.logout_everywhere().await.unwrap();
    assert_eq!(scene.signed_out(), Some(SignedOut::User));
    // At once, while its access token would still be good.
    let asked = other.http().get(format!("{}{ME}", scene.relay.url));
    assert_eq!(ended(&other.send(asked).await.unwrap_err()), Some(EndReason::Logout));
    let error = other.logout_everywhere().await.unwrap_err();
    assert_eq!(ended(&error), Some(EndReason::Logout));
}

#[tokio::test]
async fn a_logout_of_the_others_leaves_this_one() {
    let scene = Scene::signed_in().await;
    let other = another(&scene).await;
    scene.client.logout_others().await.unwrap();
    scene.wait(LIFE);
    assert_eq!(scene.me().await.0, 200);
    assert_eq!(ended(&other.token().await.err().unwrap()), Some(EndReason::Logout));
}

#[tokio::test]
async fn a_logout_everywhere_that_was_lost_is_seen_the_next_time() {
    let scene = Scene::signed_in().await;
    scene.relay.next(ALL, [Fault::Lost]);
    let error = scene.client.logout_everywhere().await.unwrap_err();
    assert_eq!(error.action(), Action::Retry);
    assert!(scene.client.who().is_some(), "nobody can know yet");
    let error = scene.client.logout_everywhere().await.unwrap_err();
    assert_eq!(ended(&error), Some(EndReason::Logout));
    assert!(scene.client.who().is_none());
}

#[tokio::test]
async fn a_token_that_is_refused_for_it_is_renewed_once() {
    let stale = || {
        let body = r#"{"error":{"code":"CLAIMS_STALE","action":"refresh","message":""}}"#;
        Fault::Answer(401, JSON, body.to_owned())
    };
    let scene = Scene::signed_in().await;
    scene.relay.next(ALL, [stale(), stale()]);
    let error = scene.client.logout_everywhere().await.unwrap_err();
    assert_eq!((error.code(), scene.refreshes()), (Some(Code::ClaimsStale), 1));
    assert!(scene.client.who().is_some());
    scene.relay.next(ALL, [stale()]);
    scene.client.logout_everywhere().await.unwrap();
    assert_eq!((scene.relay.seen(ALL).len(), scene.refreshes()), (4, 2));
}
