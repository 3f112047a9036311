//! One good token, damaged everywhere: the answer is always a typed refusal.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use countersign_core::token::{ACCESS_TOKEN_TYP, Algorithm, Claims, KeySet, Reject, Unverified, Verified};
use proptest::prelude::*;

use crate::common::{NOW, checks, claims, key_set, keys};

fn verify(token: &str, keys: &KeySet) -> Result<Verified<Claims>, Reject> {
    Unverified::parse(token)?.verify(keys, &checks(), NOW)
}

/// A good token of each algorithm, and the keys that verify it.
fn good() -> Vec<(Algorithm, String, KeySet)> {
    let good: Vec<_> = keys()
        .iter()
        .map(|key| (key.algorithm(), key.sign(&claims(), ACCESS_TOKEN_TYP).unwrap(), key_set(key)))
        .collect();
    assert!(good.iter().all(|(_, token, keys)| verify(token, keys).is_ok()));
    good
}

#[test]
fn cut_at_every_byte() {
    for (algorithm, token, keys) in good() {
        for at in 0..token.len() {
            assert!(verify(&token[..at], &keys).is_err(), "{algorithm} cut to {at} bytes");
            assert!(
                verify(&token[at + 1..], &keys).is_err(),
                "{algorithm} without its first {} bytes",
                at + 1
            );
        }
    }
}

#[test]
fn flipped_in_every_bit() {
    for (algorithm, token, keys) in good() {
        for at in 0..token.len() * 8 {
            let mut bytes = token.clone().into_bytes();
            bytes[at / 8] ^= 1 << (at % 8);
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(verify(&text, &keys).is_err(), "{algorithm} with bit {at} flipped");
        }
    }
}

#[test]
fn any_byte_inserted_anywhere() {
    let (_, token, keys) = good().swap_remove(0);
    for at in 0..=token.len() {
        for inserted in ['.', '=', ' ', '\n', '\0', '-', 'A', '+', 'é'] {
            let mut text = token.clone();
            text.insert(at, inserted);
            assert!(verify(&text, &keys).is_err(), "{inserted:?} at {at}");
        }
    }
}

#[test]
fn swollen_to_a_mebibyte_in_any_part() {
    let (_, token, keys) = good().swap_remove(0);
    let [header, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let filling = "A".repeat(1 << 20);
    for text in [
        filling.clone(),
        ".".repeat(1 << 20),
        format!("{filling}.{payload}.{signature}"),
        format!("{header}.{filling}.{signature}"),
        format!("{header}.{payload}.{filling}"),
        format!("{token}{filling}"),
    ] {
        assert_eq!(verify(&text, &keys), Err(Reject::Size));
        let foreign = Unverified::parse_foreign(&text);
        assert!(foreign.and_then(|foreign| foreign.verify_jws(&keys, Algorithm::ALL)).is_err());
    }
}

#[test]
fn parts_of_two_good_tokens() {
    let (_, first, keys) = good().swap_remove(0);
    let mut other = claims();
    other.cep += 1;
    let second = self::keys()[0].sign(&other, ACCESS_TOKEN_TYP).unwrap();
    let (first, second): (Vec<_>, Vec<_>) = (first.split('.').collect(), second.split('.').collect());
    assert_eq!(verify(&[first[0], second[1], first[2]].join("."), &keys), Err(Reject::Signature));
    assert_eq!(verify(&[first[0], first[1], second[2]].join("."), &keys), Err(Reject::Signature));
}

static KEYS: LazyLock<KeySet> = LazyLock::new(|| key_set(&keys()[0]));

proptest! {
    #[test]
    fn any_text_is_refused(text in "\\PC*") {
        prop_assert!(verify(&text, &KEYS).is_err());
    }

    #[test]
    fn any_three_parts_are_refused(parts in proptest::collection::vec("[A-Za-z0-9_-]{0,80}", 3)) {
        prop_assert!(verify(&parts.join("."), &KEYS).is_err());
    }

    #[test]
    fn any_header_is_refused(header in "\\{(\"(alg|kid|typ|crit|a)\":(\"EdDSA\"|1|null|\\{\\}),?){0,4}\\}") {
        let token = format!("{}.e30.AA", BASE64_URL_SAFE_NO_PAD.encode(header));
        prop_assert!(verify(&token, &KEYS).is_err());
    }
}
