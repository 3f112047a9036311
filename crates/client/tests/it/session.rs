use std::time::Duration;

use countersign_client::{Error, Login, Mode, SignedOut};
use countersign_core::code::EndReason;
use countersign_core::{Action, Code};
use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::relay::Fault;
use crate::scene::{LIFE, LOGOUT, NAME, PASSWORD, REFRESH, Scene};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const HTML: &[(&str, &str)] = &[("content-type", "text/html")];

fn answer(status: u16, headers: &'static [(&'static str, &'static str)], body: &str) -> Fault {
    Fault::Answer(status, headers, body.to_owned())
}

fn login() -> Login {
    Login::new(NAME, PASSWORD.to_owned())
}

#[tokio::test]
async fn a_session_goes_on_in_both_modes() {
    for mode in [Mode::Cookie, Mode::Header] {
        let scene = Scene::new().await;
        scene.login(mode).await;
        for refreshes in 0..4 {
            let (status, me) = scene.me().await;
            assert_eq!((status, me["username"].as_str()), (200, Some(NAME)));
            assert_eq!(scene.refreshes(), refreshes);
            scene.wait(LIFE);
        }
        assert_eq!(scene.client.who().unwrap().user.username.as_deref(), Some(NAME));
        assert_eq!(scene.events(), ["login"]);
    }
}

#[tokio::test]
async fn a_wrong_password_is_a_typed_refusal() {
    let scene = Scene::new().await;
    let error = scene.client.login(Login::new(NAME, "wrong horse".to_owned())).await.unwrap_err();
    assert_eq!((error.code(), error.action()), (Some(Code::CredentialsInvalid), Action::Login));
    assert_eq!(scene.signed_out(), Some(SignedOut::Never));
    assert!(matches!(scene.client.token().await, Err(Error::SignedOut(SignedOut::Never))));
}

#[tokio::test]
async fn a_second_login_ends_the_first_session() {
    let scene = Scene::signed_in().await;
    let first = scene.client.who().unwrap().session;
    scene.login(Mode::Cookie).await;
    assert_ne!(scene.client.who().unwrap().session, first);
    assert_eq!(scene.events(), ["login", "login", "logout"]);
}

#[tokio::test]
async fn however_many_ask_one_request_is_under_way() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    let (release, held) = oneshot::channel();
    scene.relay.next(REFRESH, [Fault::Late(held)]);
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let client = scene.client.clone();
            tokio::spawn(async move { client.token().await })
        })
        .collect();
    scene.relay.arrived(REFRESH, 1).await;
    release.send(()).unwrap();
    let tokens = join_all(asking).await;
    let first = tokens[0].as_ref().unwrap().as_ref().unwrap().expose();
    assert!(tokens.iter().all(|token| token.as_ref().unwrap().as_ref().unwrap().expose() == first));
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn who_stops_waiting_breaks_off_nothing() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    let (release, held) = oneshot::channel();
    scene.relay.next(REFRESH, [Fault::Late(held)]);
    let client = scene.client.clone();
    let impatient = tokio::spawn(async move { client.token().await.map(|_| ()) });
    scene.relay.arrived(REFRESH, 1).await;
    impatient.abort();
    release.send(()).unwrap();
    scene.client.token().await.unwrap();
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_beside_its_use() {
    let scene = Scene::signed_in().await;
    let first = scene.client.token().await.unwrap();
    scene.wait(LIFE.mul_f64(0.84));
    assert_eq!(scene.client.token().await.unwrap().expose(), first.expose());
    assert_eq!(scene.refreshes(), 0);
    scene.wait(LIFE.mul_f64(0.04));
    let (release, held) = oneshot::channel();
    scene.relay.next(REFRESH, [Fault::Late(held)]);
    assert_eq!(scene.client.token().await.unwrap().expose(), first.expose(), "nobody waits");
    scene.relay.arrived(REFRESH, 1).await;
    release.send(()).unwrap();
    assert_ne!(scene.client.token_instead_of(&first).await.unwrap().expose(), first.expose());
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_healed_by_asking_again() {
    let scene = Scene::signed_in().await;
    for _ in 0..4 {
        scene.wait(LIFE);
        scene.relay.next(REFRESH, [Fault::Lost, Fault::Lost]);
        let client = scene.client.clone();
        let token = tokio::spawn(async move { client.token().await.map(|_| ()) });
        scene.wait_out().await;
        scene.wait_out().await;
        token.await.unwrap().unwrap();
        assert!(!scene.degraded());
    }
    assert_eq!(scene.refreshes(), 12);
    assert_eq!(scene.events(), ["login"]);
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    scene.relay.next(REFRESH, [Fault::Hang]);
    let client = scene.client.clone();
    let token = tokio::spawn(async move { client.token().await.map(|_| ()) });
    scene.relay.arrived(REFRESH, 1).await;
    scene.wait(Duration::from_secs(8));
    scene.wait_out().await;
    token.await.unwrap().unwrap();
}

/// What is no typed refusal of the refresh.
fn troubles() -> Vec<(&'static str, Fault)> {
    let ended = r#"{"error": {"code": "SESSION_ENDED", "action": "login", "message": ""}}"#;
    let huge = format!(r#"{{"jwt_token": "{}"}}"#, "x".repeat(100_000));
    let zero = r#"{"jwt_token": "x", "expires_in": 0, "session": {"id": "ses_0123456789ab7fffbfffffffffffffff", "depth": 1}, "user": {}}"#;
    vec![
        ("lost", Fault::Lost),
        ("503 of a proxy", answer(503, HTML, "<h1>Bad gateway</h1>")),
        ("500", answer(500, JSON, "{}")),
        ("429", answer(429, HTML, "slow down")),
        (
            "typed 503",
            answer(503, JSON, r#"{"error": {"code": "UNAVAILABLE", "action": "retry", "message": ""}}"#),
        ),
        ("captive portal", answer(200, HTML, "<h1>Welcome to the hotel</h1>")),
        ("captive portal in JSON", answer(200, JSON, r#"{"welcome": true}"#)),
        ("no JSON", answer(200, JSON, "{")),
        ("401 of a proxy", answer(401, HTML, "<h1>Log in to the hotel</h1>")),
        ("401 without a code", answer(401, JSON, r#"{"error": "unauthorized"}"#)),
        ("401 that only looks like ours", answer(401, HTML, ended)),
        ("redirect", answer(302, &[("location", "https://portal.example/login")], "")),
        (
            "typed redirect",
            answer(307, &[("location", "/elsewhere"), ("content-type", "application/json")], ended),
        ),
        ("huge", Fault::Answer(200, JSON, huge)),
        ("no life", answer(200, JSON, zero)),
    ]
}

#[tokio::test]
async fn only_a_typed_refusal_of_the_refresh_signs_out() {
    let scene = Scene::signed_in().await;
    for (name, fault) in troubles() {
        scene.wait(LIFE);
        let before = scene.refreshes();
        scene.relay.next(REFRESH, [fault]);
        let client = scene.client.clone();
        let token = tokio::spawn(async move { client.token().await.map(|_| ()) });
        scene.wait_out().await;
        token.await.unwrap().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(scene.refreshes() - before, 2, "{name}");
        assert_eq!(scene.signed_out(), None, "{name}");
    }
    assert!(scene.relay.seen("/elsewhere").is_empty(), "no redirect is followed");
    assert_eq!(scene.events(), ["login"]);
}

#[tokio::test]
async fn patience_ends_with_a_typed_error_and_the_session_stays() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    scene.relay.next(REFRESH, (0..100).map(|_| answer(500, HTML, "")));
    let client = scene.client.clone();
    let mut token = tokio::spawn(async move { client.token().await.map(|_| ()) });
    let mut waits = Vec::new();
    let error = loop {
        tokio::select! {
            done = &mut token => break done.unwrap().unwrap_err(),
            span = scene.wait_out() => waits.push(span.as_millis()),
        }
    };
    assert_eq!(
        waits,
        [150, 300, 600, 1200, 2400, 4800],
        "three fifths of what is possible, as chance would have it"
    );
    assert_eq!((error.action(), error.code()), (Action::Retry, None));
    assert!(scene.degraded());
    assert!(scene.client.who().is_some());
}

#[tokio::test]
async fn nobody_asks_before_retry_after() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    let busy = r#"{"error": {"code": "RATE_LIMITED", "action": "retry", "message": ""}}"#;
    let headers = &[("content-type", "application/json"), ("retry-after", "60")];
    scene.relay.next(REFRESH, [answer(429, headers, busy)]);
    for _ in 0..3 {
        let error = scene.client.token().await.map(|_| ()).unwrap_err();
        assert_eq!(
            (error.code(), error.retry_after()),
            (Some(Code::RateLimited), Some(Duration::from_mins(1)))
        );
    }
    assert_eq!(scene.refreshes(), 1);
    scene.wait(Duration::from_secs(61));
    scene.client.token().await.unwrap();
    assert_eq!(scene.refreshes(), 2);
}

#[tokio::test]
async fn a_fault_of_the_configuration_is_told_and_not_repeated() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    let refused = r#"{"error": {"code": "CSRF_REJECTED", "action": "fix", "message": ""}}"#;
    scene.relay.next(REFRESH, [answer(403, JSON, refused)]);
    for _ in 0..2 {
        let error = scene.client.token().await.map(|_| ()).unwrap_err();
        assert_eq!((error.code(), error.action()), (Some(Code::CsrfRejected), Action::Fix));
    }
    assert_eq!((scene.refreshes(), scene.signed_out()), (1, None));
}

#[tokio::test]
async fn a_refusal_of_a_code_to_come_is_followed_by_its_action() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    let refused = r#"{"error": {"code": "USER_MOVED", "action": "login", "message": "Moved."}}"#;
    scene.relay.next(REFRESH, [answer(401, JSON, refused)]);
    let error = scene.client.token().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::SignedOut(SignedOut::Ended(refusal)) if refusal.name == "USER_MOVED"));
}

#[tokio::test]
async fn what_the_server_ended_is_over_with_its_reason() {
    let scene = Scene::signed_in().await;
    scene.wait(Duration::from_hours(1));
    let error = scene.client.token().await.map(|_| ()).unwrap_err();
    assert_eq!((error.code(), error.action()), (Some(Code::SessionEnded), Action::Login));
    let Some(SignedOut::Ended(refusal)) = scene.signed_out() else { panic!("signed in") };
    assert_eq!(refusal.reason, Some(EndReason::Idle));
    scene.client.token().await.map(|_| ()).unwrap_err();
    assert_eq!(scene.refreshes(), 1);
}

#[tokio::test]
async fn another_users_answer_is_not_taken() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    let theirs = r#"{"jwt_token": "theirs", "expires_in": 900, "session": {"id": "ses_0123456789ab7fffbfffffffffffffff", "depth": 9},
        "user": {"id": "usr_0123456789ab7fffbfffffffffffffff", "email": "bob@example.com", "roles": [], "default_role": "user"}}"#;
    scene.relay.next(REFRESH, [answer(200, JSON, theirs)]);
    let client = scene.client.clone();
    let token = tokio::spawn(async move { client.token().await });
    scene.wait_out().await;
    assert_ne!(token.await.unwrap().unwrap().expose(), "theirs");
    assert_eq!(scene.client.who().unwrap().user.email, "ann@example.com");
}

#[tokio::test]
async fn a_logout_ends_the_session_here_and_there() {
    for mode in [Mode::Cookie, Mode::Header] {
        let scene = Scene::new().await;
        scene.login(mode).await;
        scene.client.logout().await.unwrap();
        assert_eq!(scene.signed_out(), Some(SignedOut::User));
        assert_eq!(scene.events(), ["login", "logout"]);
        assert!(matches!(scene.client.token().await, Err(Error::SignedOut(SignedOut::User))));
        scene.client.logout().await.unwrap();
        assert_eq!(scene.relay.seen(LOGOUT).len(), 1);
    }
}

#[tokio::test]
async fn a_late_answer_undoes_no_logout_and_nobody_waits_for_it() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    let (release, held) = oneshot::channel();
    scene.relay.next(REFRESH, [Fault::Late(held)]);
    let client = scene.client.clone();
    let waiting = tokio::spawn(async move { client.token().await.map(|_| ()) });
    scene.relay.arrived(REFRESH, 1).await;
    scene.client.logout().await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(Error::SignedOut(SignedOut::User))));
    release.send(()).unwrap();
    // The flight ends when it no longer watches its time.
    while scene.time.sleepers() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.signed_out(), Some(SignedOut::User));
    assert!(scene.client.token().await.is_err());
}

#[tokio::test]
async fn a_login_that_comes_too_late_is_ended_at_the_server() {
    let scene = Scene::new().await;
    let (release, held) = oneshot::channel();
    scene.relay.next("/auth/login", [Fault::Late(held)]);
    let client = scene.client.clone();
    let late = tokio::spawn(async move { client.login(login()).await.map(|_| ()) });
    scene.relay.arrived("/auth/login", 1).await;
    scene.client.logout().await.unwrap();
    release.send(()).unwrap();
    assert!(matches!(late.await.unwrap(), Err(Error::SignedOut(SignedOut::User))));
    assert_eq!(scene.signed_out(), Some(SignedOut::User));
    scene.relay.arrived(LOGOUT, 1).await;
    while scene.events().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.events(), ["login", "logout"]);
}

#[tokio::test]
async fn a_logout_without_network_is_finished_later() {
    let scene = Scene::signed_in().await;
    let busy: &[_] = &[("retry-after", "60")];
    scene.relay.next(LOGOUT, [answer(503, busy, "")]);
    let error = scene.client.logout().await.unwrap_err();
    assert_eq!(error.action(), Action::Retry);
    assert_eq!(scene.signed_out(), Some(SignedOut::User), "here it is over");
    scene.client.logout().await.unwrap();
    assert_eq!(scene.events(), ["login", "logout"]);
}

#[tokio::test]
async fn a_logout_is_repeated_until_it_is_answered() {
    let scene = Scene::signed_in().await;
    scene.relay.next(LOGOUT, [Fault::Lost]);
    let client = scene.client.clone();
    let leaving = tokio::spawn(async move { client.logout().await });
    scene.wait_out().await;
    leaving.await.unwrap().unwrap();
    assert_eq!(scene.events(), ["login", "logout"]);
}

#[tokio::test]
async fn cookies_may_change_their_names() {
    let scene = Scene::signed_in().await;
    scene.wait(LIFE);
    scene.relay.rename_cookies();
    scene.client.token().await.unwrap();
    assert_eq!(scene.refreshes(), 2, "once under each name");
    scene.wait(LIFE);
    assert_eq!(scene.me().await.0, 200);
    assert_eq!(scene.refreshes(), 3);
    scene.client.logout().await.unwrap();
    assert_eq!(scene.events(), ["login", "logout"]);
}
