use std::sync::LazyLock;

use countersign_core::token::{
    ACCESS_TOKEN_TYP, Algorithm, Claims, ClaimsError, FingerprintCookie, KeyError, KeySet, MAX_ACCESS_TOKEN,
    PublicKey, Reject, SignError, SigningKey, SmolStr, Unverified,
};
use countersign_core::{Secret, SessionId, UserId};
use proptest::prelude::*;

use crate::common::{NOW, checks, claims, key_set, keys};

#[test]
fn what_is_signed_is_verified_and_only_by_its_key() {
    for &algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let token = key.sign(&claims(), ACCESS_TOKEN_TYP).unwrap();
        let unverified = Unverified::parse(&token).unwrap();
        assert_eq!(unverified.kid(), Some(key.kid()));
        let verified = unverified.verify(&key_set(&key), &checks(), NOW).unwrap();
        assert_eq!(*verified, claims(), "{algorithm}");

        let stranger = key_set(&SigningKey::generate(algorithm).unwrap());
        let refusal = Unverified::parse(&token).unwrap().verify(&stranger, &checks(), NOW);
        assert_eq!(refusal, Err(Reject::KeyUnknown), "{algorithm}");
    }
}

#[test]
fn a_stored_key_is_the_same_key() {
    for &algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let stored = SigningKey::from_bytes(algorithm, &key.to_bytes().unwrap()).unwrap();
        assert_eq!(stored.kid(), key.kid());
        let token = stored.sign(&claims(), ACCESS_TOKEN_TYP).unwrap();
        assert!(Unverified::parse(&token).unwrap().verify(&key_set(&key), &checks(), NOW).is_ok());
        for other in Algorithm::ALL.iter().filter(|&&other| other != algorithm && other != Algorithm::Hs256) {
            assert!(SigningKey::from_bytes(*other, &key.to_bytes().unwrap()).is_err(), "{algorithm} {other}");
        }
    }
}

#[test]
fn a_published_key_set_verifies_and_holds_no_secret() {
    for &algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let document = key_set(&key).to_jwks();
        let published = KeySet::from_jwks(document.as_bytes()).unwrap();
        let token = key.sign(&claims(), ACCESS_TOKEN_TYP).unwrap();
        let answer = Unverified::parse(&token).unwrap().verify(&published, &checks(), NOW);
        if algorithm == Algorithm::Hs256 {
            assert_eq!(document, r#"{"keys":[]}"#);
            assert_eq!(answer, Err(Reject::KeyUnknown));
        } else {
            assert!(answer.is_ok(), "{algorithm}");
        }
    }
}

#[test]
fn what_may_not_be_said_is_not_signed() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let mut wrong = claims();
    wrong.hasura.default_role = "admin".into();
    let refusal = key.sign(&wrong, ACCESS_TOKEN_TYP);
    assert_eq!(refusal, Err(SignError::Claims(ClaimsError::DefaultRole)));

    let mut large = claims();
    large.extra.insert("bio".to_owned(), "x".repeat(MAX_ACCESS_TOKEN).into());
    assert_eq!(key.sign(&large, ACCESS_TOKEN_TYP), Err(SignError::Size));
}

#[test]
fn a_token_of_another_type_is_no_access_token() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = key.sign(&claims(), "JWT").unwrap();
    let verify = |checks| Unverified::parse(&token).unwrap().verify(&key_set(&key), &checks, NOW);
    assert_eq!(verify(checks()), Err(Reject::Type));
    let mut lenient = checks();
    lenient.typ = "JWT".to_owned();
    assert!(verify(lenient).is_ok());
}

#[test]
fn a_verified_token_can_be_asked_again_whether_it_expired() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = key.sign(&claims(), ACCESS_TOKEN_TYP).unwrap();
    let verified = Unverified::parse(&token).unwrap().verify(&key_set(&key), &checks(), NOW).unwrap();
    let end = countersign_core::Timestamp::from_secs(verified.exp);
    let leeway = checks().leeway;
    assert_eq!(verified.check_expiry(end, leeway), Ok(()));
    assert_eq!(verified.check_expiry(end.plus(leeway), leeway), Err(Reject::Expired));
}

#[test]
fn a_short_secret_is_refused() {
    assert_eq!(SigningKey::from_bytes(Algorithm::Hs256, &[7; 31]).err(), Some(KeyError::Weak));
    assert_eq!(KeySet::default().danger_insert_hs256(&[7; 31]), Err(KeyError::Weak));
}

#[test]
fn a_jwk_is_read_as_it_was_written() {
    for public in keys().iter().filter_map(SigningKey::public) {
        let read = PublicKey::from_jwk(public.to_jwk().as_bytes()).unwrap();
        assert_eq!((read.kid(), read.algorithm()), (public.kid(), public.algorithm()));
        assert_eq!(read.to_jwk(), public.to_jwk());
    }
}

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());

fn text(pattern: &'static str) -> impl Strategy<Value = SmolStr> {
    pattern.prop_map(SmolStr::from)
}

prop_compose! {
    fn any_claims()(
        (sub, sid, cep, iat) in (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<u64>(), 0..=NOW.as_secs()),
        (jti, client_id, username) in (text("\\PC{0,40}"), text("\\PC{0,40}"), proptest::option::of(text("\\PC{0,40}"))),
        (user_id, role) in (text("\\PC{0,40}"), text("\\PC{1,40}")),
        roles in proptest::collection::btree_set(text("\\PC{1,8}"), 0..4),
        custom in proptest::collection::btree_map(text("x-hasura-c[a-z0-9_-]{0,20}"), text("\\PC{0,40}"), 0..4),
        extra in proptest::collection::btree_map("y\\PC{0,10}", "\\PC{0,20}", 0..4),
        fingerprint in any::<Option<[u8; 32]>>(),
    ) -> Claims {
        let mut any = claims();
        (any.sub, any.sid) = (UserId::from_bytes(sub), SessionId::from_bytes(sid));
        (any.cep, any.iat, any.jti, any.client_id, any.preferred_username) = (cep, iat, jti, client_id, username);
        any.hasura.allowed_roles = roles.into_iter().filter(|other| *other != role).chain([role.clone()]).collect();
        (any.hasura.user_id, any.hasura.default_role, any.hasura.custom) = (user_id, role, custom);
        any.hasura.fingerprint =
            fingerprint.map(|bytes| FingerprintCookie::new(Secret::from_slice(&bytes).unwrap()).hash());
        any.extra = extra.into_iter().map(|(name, value)| (name, value.into())).collect();
        any
    }
}

proptest! {
    #[test]
    fn any_claims_that_may_be_signed_come_back(claims in any_claims()) {
        let token = KEY.sign(&claims, ACCESS_TOKEN_TYP).unwrap();
        let verified = Unverified::parse(&token).unwrap().verify(&key_set(&KEY), &checks(), NOW).unwrap();
        prop_assert_eq!(verified.into_inner(), claims);
    }
}
