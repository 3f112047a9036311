//! Tokens of other issuers: `verify_jws` and `verify_jwt`.

use std::time::Duration;

use countersign_core::Timestamp;
use countersign_core::token::{Algorithm, Expected, KeySet, Reject, SigningKey, Unverified};

use crate::common::{ISSUED, key_set, keys};
use crate::forge::Forge;

const HEADER: &str = r#"{"alg":"EdDSA"}"#;

struct Issuer {
    forge: Forge,
    keys: KeySet,
}

impl Issuer {
    fn new() -> Self {
        let key = keys().into_iter().find(|key| key.algorithm() == Algorithm::EdDsa).unwrap();
        Self { forge: Forge::new(&key).unwrap(), keys: key_set(&key) }
    }

    fn jwt(&self, header: &str, payload: &str, expected: &Expected) -> Result<(), Reject> {
        let token = self.forge.token(header, payload.as_bytes()).unwrap();
        Unverified::parse_foreign(&token)?.verify_jwt(&self.keys, Algorithm::ALL, expected).map(drop)
    }
}

#[test]
fn a_payload_may_be_any_bytes_if_only_the_signature_counts() {
    let issuer = Issuer::new();
    for payload in [b"".as_slice(), b"\xff\x00", b"{\"exp\":1}", &vec![b'a'; 1 << 20]] {
        let token = issuer.forge.token(HEADER, payload).unwrap();
        let verified = Unverified::parse_foreign(&token).unwrap().verify_jws(&issuer.keys, Algorithm::ALL);
        assert_eq!(verified.unwrap().as_slice(), payload);
    }
}

#[test]
fn only_allowed_algorithms_count() {
    let issuer = Issuer::new();
    let token = issuer.forge.token(HEADER, b"{}").unwrap();
    for allowed in [&[][..], &[Algorithm::Es256, Algorithm::Rs256]] {
        let answer = Unverified::parse_foreign(&token).unwrap().verify_jws(&issuer.keys, allowed);
        assert_eq!(answer, Err(Reject::Algorithm));
    }
}

#[test]
fn without_a_name_every_key_that_fits_is_tried() {
    let issuer = Issuer::new();
    let others = (0..3).map(|_| SigningKey::generate(Algorithm::EdDsa).unwrap());
    let mut all: KeySet = others.filter_map(|key| key.public().cloned()).collect();
    let token = issuer.forge.token(HEADER, b"{}").unwrap();
    let verify =
        |keys: &KeySet| Unverified::parse_foreign(&token).unwrap().verify_jws(keys, Algorithm::ALL).map(drop);
    assert_eq!(verify(&KeySet::default()), Err(Reject::KeyUnknown));
    assert_eq!(verify(&all), Err(Reject::Signature));
    all.extend(issuer.keys.public().cloned());
    assert_eq!(verify(&all), Ok(()));
}

#[test]
fn what_is_not_asked_is_not_compared_but_must_be_well_formed() {
    let issuer = Issuer::new();
    let jwt = |payload| issuer.jwt(HEADER, payload, &Expected::default());
    for good in
        ["{}", r#"{"exp":1,"nbf":99999999999,"iat":99999999999,"iss":"x","aud":["a","b"]}"#, r#"{"aud":[]}"#]
    {
        assert_eq!(jwt(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "[]",
        "null",
        r#"{"exp":"1"}"#,
        r#"{"exp":1.5}"#,
        r#"{"nbf":-1}"#,
        r#"{"iat":null}"#,
        r#"{"iss":1}"#,
        r#"{"aud":1}"#,
        r#"{"aud":["a",1]}"#,
        r#"{"aud":{}}"#,
        r#"{"a":1,"a":2}"#,
    ] {
        assert_eq!(jwt(bad), Err(Reject::Claims), "{bad}");
    }
}

#[test]
fn what_is_asked_must_be_there() {
    let issuer = Issuer::new();
    let asked = Expected {
        issuer: Some("joe".to_owned()),
        audience: Some("api".to_owned()),
        typ: Some("JWT".to_owned()),
        ..Expected::default()
    };
    let typed = r#"{"alg":"EdDSA","typ":"jwt"}"#;
    assert_eq!(issuer.jwt(typed, r#"{"iss":"joe","aud":"api"}"#, &asked), Ok(()));
    assert_eq!(issuer.jwt(typed, r#"{"iss":"joe","aud":["web","api"]}"#, &asked), Ok(()));
    assert_eq!(issuer.jwt(HEADER, r#"{"iss":"joe","aud":"api"}"#, &asked), Err(Reject::Type));
    assert_eq!(issuer.jwt(typed, r#"{"aud":"api"}"#, &asked), Err(Reject::Issuer));
    assert_eq!(issuer.jwt(typed, r#"{"iss":"joe"}"#, &asked), Err(Reject::Audience));
    assert_eq!(issuer.jwt(typed, r#"{"iss":"joe","aud":["web"]}"#, &asked), Err(Reject::Audience));
}

#[test]
fn at_a_time_exp_must_be_there_and_ahead() {
    let issuer = Issuer::new();
    let at = |seconds: u64, payload: &str| {
        let expected = Expected {
            now: Some(Timestamp::from_secs(seconds)),
            leeway: Duration::from_millis(1500),
            ..Expected::default()
        };
        issuer.jwt(HEADER, payload, &expected)
    };
    let exp = format!(r#"{{"exp":{ISSUED}}}"#);
    assert_eq!(at(ISSUED, "{}"), Err(Reject::Claims));
    assert_eq!(at(ISSUED + 1, &exp), Ok(()));
    assert_eq!(at(ISSUED + 2, &exp), Err(Reject::Expired));
    let ahead = |name: &str| format!(r#"{{"exp":{},"{name}":{ISSUED}}}"#, ISSUED + 900);
    for (name, reject) in [("nbf", Reject::NotYetValid), ("iat", Reject::IssuedInFuture)] {
        assert_eq!(at(ISSUED - 1, &ahead(name)), Ok(()));
        assert_eq!(at(ISSUED - 2, &ahead(name)), Err(reject));
    }
}
