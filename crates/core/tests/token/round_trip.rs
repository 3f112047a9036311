use countersign_core::token::{ACCESS_TOKEN_TYP, Algorithm, KeySet, Reject, SigningKey, Unverified};

use crate::common::{NOW, checks, claims, key_set};

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
        let refusal = Unverified::parse(&token)
            .unwrap()
            .verify(&stranger, &checks(), NOW);
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
        assert!(
            Unverified::parse(&token)
                .unwrap()
                .verify(&key_set(&key), &checks(), NOW)
                .is_ok()
        );
        for other in Algorithm::ALL
            .iter()
            .filter(|&&other| other != algorithm && other != Algorithm::Hs256)
        {
            assert!(
                SigningKey::from_bytes(*other, &key.to_bytes().unwrap()).is_err(),
                "{algorithm} {other}"
            );
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
        let answer = Unverified::parse(&token)
            .unwrap()
            .verify(&published, &checks(), NOW);
        if algorithm == Algorithm::Hs256 {
            assert_eq!(document, r#"{"keys":[]}"#);
            assert_eq!(answer, Err(Reject::KeyUnknown));
        } else {
            assert!(answer.is_ok(), "{algorithm}");
        }
    }
}
