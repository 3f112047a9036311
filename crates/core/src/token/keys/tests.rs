use super::*;

const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

fn ec(members: &str) -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"{members}}}"#)
}

fn set(keys: &[&str]) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
}

fn count(keys: &[&str]) -> usize {
    set(keys).unwrap().public().count()
}

#[test]
fn what_is_not_ours_is_left_out() {
    for other in [
        r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#,
        r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#,
        r#"{"kty":"RSA","alg":"PS256","n":"AA","e":"AQAB"}"#,
        r#"{"kty":"oct","k":"AA"}"#,
        &ec(r#","use":"enc""#),
        &ec(r#","alg":"ES384""#),
        &ec(r#","key_ops":["sign"]"#),
        &ec(r#","key_ops":[]"#),
    ] {
        assert_eq!(count(&[other, &ec("")]), 1, "{other}");
        assert!(PublicKey::from_jwk(other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn what_is_ours_is_read() {
    for members in
        ["", r#","use":"sig","alg":"ES256","key_ops":["sign","verify"]"#, r#","x5t":"AA","d":"AA""#]
    {
        assert_eq!(count(&[&ec(members)]), 1, "{members}");
    }
    assert_eq!(count(&[]), 0);
}

#[test]
fn a_malformed_key_of_ours_is_an_error() {
    let short = &X[1..];
    for (bad, error) in [
        (r#"{"crv":"P-256"}"#.to_owned(), KeyError::Member("kty")),
        (ec(r#","kid":1"#), KeyError::Member("kid")),
        (ec(r#","use":1"#), KeyError::Member("use")),
        (ec(r#","alg":null"#), KeyError::Member("alg")),
        (ec(r#","key_ops":"verify""#), KeyError::Member("key_ops")),
        (ec(r#","key_ops":["verify","verify"]"#), KeyError::Member("key_ops")),
        (ec("").replace(X, short), KeyError::Member("x")),
        (ec("").replace(X, &format!("{X}=")), KeyError::Member("x")),
        (ec("").replace(X, &format!("AA{X}")), KeyError::Member("x")),
        (ec("").replace(",\"y\"", ",\"z\""), KeyError::Member("y")),
        (ec("").replace(X, Y), KeyError::Rejected),
        (ec(r#","x":"AA""#), KeyError::Json),
        ("[]".to_owned(), KeyError::Json),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(), KeyError::Member("x")),
    ] {
        assert_eq!(set(&[&bad]).err(), Some(error), "{bad}");
    }
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(KeySet::from_jwks(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn an_rsa_key_is_long_and_odd() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let rsa = |n: &[u8], e: &[u8]| {
        let [n, e] = [n, e].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number));
        set(&[&format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#)]).map(drop)
    };
    let modulus = |bytes: usize| [&[0x80], &*vec![0; bytes - 2], &[1]].concat();
    assert_eq!(rsa(&modulus(256), &[1, 0, 1]), Ok(()));
    assert_eq!(rsa(&modulus(255), &[1, 0, 1]), Err(KeyError::Weak));
    assert_eq!(rsa(&[&[0x7f], &*modulus(255)].concat(), &[1, 0, 1]), Err(KeyError::Weak));
    assert_eq!(rsa(&modulus(1025), &[1, 0, 1]), Err(KeyError::Rejected));
    assert_eq!(rsa(&[&[0], &*modulus(256)].concat(), &[1, 0, 1]), Err(KeyError::Member("n")));
    assert_eq!(rsa(&[&*modulus(255), &[0]].concat(), &[1, 0, 1]), Err(KeyError::Rejected));
    for e in [&[1][..], &[2], &[1, 0, 0], &[1, 0, 0, 0, 0, 1, 1]] {
        assert_eq!(rsa(&modulus(256), e), Err(KeyError::Rejected), "{e:?}");
    }
    assert_eq!(rsa(&modulus(256), &[]), Err(KeyError::Member("e")));
}

#[test]
fn secrets_are_read_only_where_danger_is_said() {
    let secret = r#"{"keys":[{"kty":"oct","kid":"s","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;
    assert!(!KeySet::from_jwks(secret.as_bytes()).unwrap().contains("s"));
    let set = KeySet::danger_from_jwks_with_secrets(secret.as_bytes()).unwrap();
    assert!(set.contains("s") && !set.contains("t"));
    assert_eq!(set.to_jwks(), r#"{"keys":[]}"#);
    assert!(!format!("{set:?}").contains("AAAA"));
    let short = secret.replace("AAA\"", "\"");
    assert_eq!(KeySet::danger_from_jwks_with_secrets(short.as_bytes()).err(), Some(KeyError::Weak));
}

#[test]
fn a_published_key_has_plain_members_only() {
    let set = set(&[&ec(r#","kid":"k","x5t":"AA","d":"AA","use":"sig""#)]).unwrap();
    let published: Value = serde_json::from_str(&set.to_jwks()).unwrap();
    let expected = serde_json::json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y, "kid": "k", "use": "sig", "alg": "ES256"});
    assert_eq!(published, serde_json::json!({ "keys": [expected] }));
}
