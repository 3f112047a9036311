use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::*;

const PAYLOAD: &str = concat!(
    r#"{"iss":"https://auth.example","sub":"usr_01010101010101010101010101010101","aud":"api","iat":1800000000,"#,
    r#""exp":1800000900,"jti":"b7k","sid":"ses_02020202020202020202020202020202","cep":0,"client_id":"countersign","#,
    r#""preferred_username":"ädä","https://hasura.io/jwt/claims":{"x-hasura-user-id":"7","x-hasura-default-role":"user","#,
    r#""x-hasura-allowed-roles":["user","editor"],"x-hasura-org":"7","x-hasura-team":"","X-User-Fingerprint":"#,
    r#""0909090909090909090909090909090909090909090909090909090909090909"},"plan":"free","role":"user"}"#,
);

fn strictly(payload: &[u8]) -> Option<Claims> {
    serde_json::from_slice(payload).ok()
}

#[test]
fn what_our_issuer_writes_is_usual() {
    let claims = read(PAYLOAD.as_bytes()).unwrap();
    assert_eq!(strictly(PAYLOAD.as_bytes()).as_ref(), Some(&claims));
    assert_eq!(serde_json::to_string(&claims).unwrap(), PAYLOAD);
    let mut least = claims;
    (least.preferred_username, least.hasura.fingerprint) = (None, None);
    least.hasura.custom.clear();
    least.extra.clear();
    assert_eq!(read(&serde_json::to_vec(&least).unwrap()), Some(least));
}

#[test]
fn what_is_written_otherwise_is_left_to_others() {
    for (usual, other) in [
        ("api", r"\u0061pi"),
        ("api", "a\npi"),
        (r#""cep":0"#, r#""cep": 0"#),
        (r#""cep":0"#, r#""cep":00"#),
        (r#""cep":0"#, r#""cep":01"#),
        (r#""cep":0"#, r#""cep":-0"#),
        (r#""cep":0"#, r#""cep":0.0"#),
        (r#""cep":0"#, r#""cep":"#),
        (r#""cep":0"#, r#""cep":18446744073709551616"#),
        (r#""cep":0"#, r#""cep":0,"nbf":0"#),
        (r#""cep":0,"#, ""),
        ("usr_", "ses_"),
        ("0909", "090g"),
        ("0909", "0A09"),
        (r#""user","editor""#, ""),
        (r#""user","editor""#, r#""user",7"#),
        (r#""x-hasura-team":"""#, r#""x-hasura-team":7"#),
        ("x-hasura-team", "x-hasura-org"),
        ("x-hasura-team", "a"),
        ("x-hasura-team", "x-hasura-user-id"),
        (r#""plan":"free""#, r#""plan":null"#),
        (r#""plan":"free""#, r#""plan":"free","plan":"paid""#),
        (r#""plan":"free""#, r#""sub":"usr_02020202020202020202020202020202""#),
        (r#""plan":"free""#, r#""nbf":"0""#),
        ("plan", "rolf"),
        (r#""role":"user"}"#, r#""role":"user"} "#),
        (r#""role":"user"}"#, r#""role":"user"}}"#),
        (r#""role":"user"}"#, r#""role":"user""#),
        (r#""role":"user"}"#, r#""role":"user"#),
    ] {
        assert!(PAYLOAD.contains(usual), "{usual}");
        assert_eq!(read(PAYLOAD.replace(usual, other).as_bytes()), None, "{usual} → {other}");
    }
    assert_eq!(read(&[&PAYLOAD.as_bytes()[..9], b"\xff", &PAYLOAD.as_bytes()[9..]].concat()), None);
    assert_eq!(read(b""), None);
}

#[derive(Debug, Clone)]
enum Edit {
    /// The member at the one place also stands at the other.
    Copy(Index, Index),
    Remove(Index),
    /// Something that readers differ about, in a member.
    Write(Index, Index, &'static str),
}

fn edit() -> impl Strategy<Value = Edit> {
    let trouble = [
        "\\n",
        "\\\"",
        "\\u0061",
        "\\",
        "\"",
        "\0",
        "\n",
        "\u{7f}",
        "é",
        " ",
        "0",
        "7",
        "-",
        ".5",
        "e3",
        ",",
        ":",
        "{}",
        "[]",
        "null",
        "\"a\":\"b\",",
        "\"a\":{\"b\":[1]},",
        "\"sub\":\"\",",
        "\"x-hasura-user-id\":\"8\",",
    ];
    prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Copy(from, to)),
        any::<Index>().prop_map(Edit::Remove),
        (any::<Index>(), any::<Index>(), select(trouble.to_vec()))
            .prop_map(|(member, at, text)| Edit::Write(member, at, text)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_000))]

    #[test]
    fn what_is_usual_says_the_same_to_every_reader(edits in proptest::collection::vec(edit(), 0..4)) {
        let mut members: Vec<_> = PAYLOAD.split_inclusive([',', '{', '[']).map(str::to_owned).collect();
        for edit in edits {
            match edit {
                Edit::Copy(from, to) => members.insert(to.index(members.len()), from.get(&members).clone()),
                Edit::Remove(at) => drop(members.remove(at.index(members.len()))),
                Edit::Write(member, at, text) => {
                    let member = member.get_mut(&mut members);
                    let ends: Vec<_> = member.char_indices().map(|(at, _)| at).collect();
                    member.insert_str(*at.get(&ends), text);
                }
            }
        }
        let payload = members.concat();
        if let Some(claims) = read(payload.as_bytes()) {
            let theirs: Value = serde_json::from_str(&payload).unwrap();
            prop_assert_eq!(json!(claims), theirs);
            prop_assert_eq!(strictly(payload.as_bytes()), Some(claims));
        }
    }
}
