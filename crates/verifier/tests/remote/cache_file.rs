//! A start while the auth server is away.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use countersign_core::Clock;
use countersign_verifier::{Refused, Staleness, Unready, Verifier};

use crate::auth::{Auth, session, shown};

/// A verifier that cannot reach its server.
async fn alone(auth: &Auth, file: &std::path::Path, staleness: Staleness) -> Verifier {
    auth.verifier()
        .reached_at("http://127.0.0.1:1")
        .staleness(staleness)
        .cache_file(file)
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_known_counts_at_the_next_start_by_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("verifier.json");
    let auth = Auth::start().await;
    auth.end(session(1));
    let (ended, living) = (auth.token(session(1)), auth.token(session(2)));
    let verifier = auth.verifier().cache_file(&file).build().await.unwrap();
    verifier.ready().await;
    drop(verifier);
    // A task that holds it for the moment of an event is the last to let go.
    while !file.exists() {
        tokio::task::yield_now().await;
    }
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    auth.clock.advance(Duration::from_mins(1));
    let allowing = alone(&auth, &file, Staleness::AllowUntilExpiry(Duration::from_secs(5))).await;
    assert!(allowing.verify(&shown(&living)).await.is_ok());
    assert_eq!(allowing.verify(&shown(&ended)).await.unwrap_err(), Refused::SessionEnded);
    assert_eq!(allowing.status().stale_for, Some(Duration::from_mins(1)));
    drop(allowing);

    let refusing = alone(&auth, &file, Staleness::Refuse(Duration::from_secs(30))).await;
    let stale = Refused::Unready(Unready::Stale(Duration::from_mins(1)));
    assert_eq!(refusing.verify(&shown(&living)).await.unwrap_err(), stale);
}

#[tokio::test]
async fn a_file_that_cannot_be_trusted_is_as_none() {
    let auth = Auth::start().await;
    let folder = tempfile::tempdir().unwrap();
    let now = auth.clock.now().as_millis();
    let text = |issuer: &str, as_of: u64| {
        format!(r#"{{"issuer":"{issuer}","as_of":{as_of},"jwks":"{{\"keys\":[]}}","entries":[]}}"#)
    };
    for (name, text, mode, good) in [
        ("good", text("https://auth.example", now), 0o600, true),
        ("others", text("https://auth.example", now), 0o622, false),
        ("issuer", text("https://other.example", now), 0o600, false),
        ("future", text("https://auth.example", now + 1), 0o600, false),
        ("half", text("https://auth.example", now)[..40].to_owned(), 0o600, false),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let verifier = alone(&auth, &file, Staleness::default()).await;
        assert_eq!(verifier.status().unready.is_none(), good, "{name}");
    }
}
