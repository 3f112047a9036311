//! Tokens that were seen before: what is still asked of them each time.

use std::time::Duration;

use countersign_core::Clock;
use countersign_core::denylist::Batch;
use countersign_core::token::{Algorithm, KeySet, Reject, SigningKey};
use countersign_verifier::{Refused, Shown};

use crate::api::{Api, shown};

/// An API that has seen the token, and remembers it.
fn seen() -> (Api, String) {
    let api = Api::synced();
    let token = api.token();
    api.verifier.verify_known(&shown(&token)).unwrap();
    assert_eq!(api.verifier.status().signatures, 1);
    (api, token)
}

#[test]
fn expiry_fingerprint_and_deny_list_are_asked_for_each_time() {
    let (api, token) = seen();
    let strange =
        Shown { token: Some(&token), fingerprint: Some("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA") };
    assert_eq!(api.verifier.verify_known(&strange).unwrap_err(), Refused::FingerprintMismatch);
    let bare = Shown { token: Some(&token), fingerprint: None };
    assert_eq!(api.verifier.verify_known(&bare).unwrap_err(), Refused::FingerprintMissing("__Host-csfp"));
    api.verifier.verify_known(&shown(&token)).unwrap();

    api.clock.advance(Duration::from_secs(905));
    assert_eq!(api.verifier.verify_known(&shown(&token)).unwrap_err(), Refused::Token(Reject::Expired));

    let (api, token) = seen();
    api.feed.apply(&api.ended());
    assert_eq!(api.verifier.verify_known(&shown(&token)).unwrap_err(), Refused::SessionEnded);
}

#[test]
fn a_withdrawn_key_takes_its_tokens_along_and_so_does_one_that_left_the_set() {
    let (api, token) = seen();
    let until = api.clock.now().plus(Duration::from_hours(1));
    let kid = api.key.kid().to_owned();
    api.feed.apply(&Batch { keys: vec![(kid, until)], ..Batch::default() });
    assert_eq!(api.verifier.status().signatures, 0);
    assert_eq!(api.verifier.verify_known(&shown(&token)).unwrap_err(), Refused::Token(Reject::KeyUnknown));

    let (api, token) = seen();
    api.feed.keys(KeySet::default());
    assert_eq!(api.verifier.status().signatures, 0);
    assert_eq!(api.verifier.verify_known(&shown(&token)).unwrap_err(), Refused::Token(Reject::KeyUnknown));
}

#[test]
fn what_one_key_proved_does_not_count_for_another_of_its_name() {
    let (api, token) = seen();
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk = other.public().unwrap().to_jwk().replace(other.kid(), api.key.kid());
    api.feed.keys(KeySet::from_jwks(format!("{{\"keys\":[{jwk}]}}").as_bytes()).unwrap());
    assert_eq!(api.verifier.verify_known(&shown(&token)).unwrap_err(), Refused::Token(Reject::Signature));

    let (api, token) = seen();
    let same = KeySet::from_iter([api.key.public().unwrap().clone(), other.public().unwrap().clone()]);
    api.feed.keys(same);
    assert_eq!(api.verifier.status().signatures, 1, "a rotation forgets nothing");
    api.verifier.verify_known(&shown(&token)).unwrap();
}

#[test]
fn only_what_was_accepted_is_remembered() {
    let api = Api::synced();
    let token = api.token();
    let bare = Shown { token: Some(&token), fingerprint: None };
    assert!(api.verifier.verify_known(&bare).is_err());
    api.feed.apply(&api.ended());
    assert!(api.verifier.verify_known(&shown(&token)).is_err());
    assert!(api.verifier.verify_known(&shown(&format!("{token}A"))).is_err());
    assert_eq!(api.verifier.status().signatures, 0);
}

#[test]
fn a_token_that_was_seen_counts_to_the_letter_only() {
    let (api, token) = seen();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = api.key.sign(
        &{
            let mut claims = api.claims();
            claims.jti = "other".into();
            claims
        },
        "at+jwt",
    );
    let (other, strange) = other.as_ref().unwrap().rsplit_once('.').unwrap();
    let begin = if signature.starts_with('A') { "B" } else { "A" };
    for forged in [
        format!("{signed}.{strange}"),
        format!("{signed}."),
        format!("{signed}.{}", &signature[4..]),
        format!("{signed}.{begin}{}", &signature[1..]),
        format!("{other}.{signature}"),
    ] {
        let refused = api.verifier.verify_known(&shown(&forged)).unwrap_err();
        assert_eq!(refused, Refused::Token(Reject::Signature));
    }
    api.verifier.verify_known(&shown(&token)).unwrap();
    assert_eq!(api.verifier.status().signatures, 1);
}

#[test]
fn memory_is_bounded_and_expired_tokens_leave_it() {
    let api = Api::with(|policy| policy.signatures = 8).told();
    for jti in 0..100 {
        let mut claims = api.claims();
        claims.jti = jti.to_string().into();
        let token = api.key.sign(&claims, "at+jwt").unwrap();
        api.verifier.verify_known(&shown(&token)).unwrap();
        api.verifier.verify_known(&shown(&token)).unwrap();
        assert!(api.verifier.status().signatures <= 8);
    }
    assert!(api.verifier.status().signatures > 0);
    api.clock.advance(Duration::from_mins(16));
    (0..64).for_each(|_| api.heartbeat());
    assert_eq!(api.verifier.status().signatures, 0);
}
