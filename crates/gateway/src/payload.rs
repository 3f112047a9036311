//! The first message of a socket, as the API gets it: rebuilt, so that it says once who calls.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName};
use countersign_verifier::Refused;
use countersign_verifier::variables::{ROLE, is_ours};
use serde_json::{Map, Value};

/// What a client may not say in a message because it said it in the upgrade, where we have seen to it.
const OF_THE_UPGRADE: [&str; 7] = [
    "cookie",
    "forwarded",
    "proxy-authorization",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];
/// Names by which a program in JavaScript that merges objects carelessly changes all of them.
const OF_JAVASCRIPT: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// The token that the client sent, as the guard has found and verified it.
pub(crate) fn token(payload: &Map<String, Value>) -> Option<&str> {
    let headers = payload.get("headers").and_then(Value::as_object);
    let mut members = headers.into_iter().flatten().chain(payload);
    members.find_map(|(name, value)| {
        let text = value.as_str().filter(|_| named(name, &AUTHORIZATION))?;
        text.split_once(' ').map(|(_, token)| token.trim())
    })
}

/// The role that the client asks for.
pub(crate) fn role(payload: &Map<String, Value>) -> Result<Option<&str>, Refused> {
    let headers = payload.get("headers").and_then(Value::as_object).into_iter().flatten();
    let mut asked = headers.filter(|(name, _)| named(name, &ROLE)).map(|(_, role)| role);
    match (asked.next(), asked.next()) {
        (None, _) => Ok(None),
        (Some(Value::String(role)), None) => Ok(Some(role)),
        (Some(_), None) => Err(Refused::Role),
        (Some(_), Some(_)) => Err(Refused::Doubled("X-Hasura-Role")),
    }
}

/// The payload with nothing in it that a client may not say, and with `told`, which says who calls.
pub(crate) fn rebuild(mut payload: Map<String, Value>, told: &HeaderMap) -> Map<String, Value> {
    // Some APIs look for the token here, and not under `headers`: where the client put it, it stays.
    let beside = payload.keys().find(|name| named(name, &AUTHORIZATION)).cloned();
    let mut headers = match payload.remove("headers") {
        Some(Value::Object(headers)) => headers,
        _ => Map::new(),
    };
    headers.retain(|_, value| value.is_string());
    scrub(&mut headers);
    scrub(&mut payload);
    for (name, value) in told {
        // As HTTP would carry it, in UTF-8.
        let value = Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned());
        if let Some(beside) = beside.as_ref().filter(|_| *name == AUTHORIZATION) {
            payload.insert(beside.clone(), value.clone());
        }
        let name = if *name == AUTHORIZATION { "Authorization" } else { name.as_str() };
        headers.insert(name.to_owned(), value);
    }
    payload.insert("headers".to_owned(), Value::Object(headers));
    payload
}

fn scrub(members: &mut Map<String, Value>) {
    members.retain(|name, _| may_say(name));
    members.values_mut().for_each(scrub_value);
}

fn scrub_value(value: &mut Value) {
    match value {
        Value::Object(members) => scrub(members),
        Value::Array(items) => items.iter_mut().for_each(scrub_value),
        _ => (),
    }
}

fn may_say(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // Before `_` is read as `-`, which would hide it.
    if OF_JAVASCRIPT.contains(&name.as_str()) {
        return false;
    }
    let name = name.replace('_', "-");
    // `headers` in another case is no place for headers, unless to somebody who does not look.
    !is_ours(&name)
        && !OF_THE_UPGRADE.contains(&name.as_str())
        && name != "authorization"
        && name != "headers"
}

fn named(name: &str, wanted: &HeaderName) -> bool {
    name.eq_ignore_ascii_case(wanted.as_str())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn rebuilt(payload: Value) -> Value {
        let mut told = HeaderMap::new();
        told.insert(AUTHORIZATION, HeaderValue::from_static("Bearer t"));
        told.insert(ROLE, HeaderValue::from_static("user"));
        let Value::Object(payload) = payload else { panic!("an object") };
        Value::Object(rebuild(payload, &told))
    }

    fn said() -> Value {
        json!({ "Authorization": "Bearer t", "x-hasura-role": "user" })
    }

    #[test]
    fn a_client_says_nothing_of_who_it_is() {
        let payload = json!({ "headers": {
            "X-Hasura-Role": "admin", "x_hasura_role": "admin", "X-HASURA-ADMIN-SECRET": "guess",
            "authorization": "Bearer other", "Cookie": "a=1", "X_Forwarded_For": "1.2.3.4",
            "x-countersign-session": "ses", "__proto__": "x", "Accept-Language": "de", "X-Count": 1,
        }, "x-hasura-role": "admin", "client": "web", "deep": [{ "X_Hasura_Role": "admin", "a": 1 }],
        "__proto__": { "isAdmin": true }, "Headers": { "x-hasura-role": "admin" } });
        let mut headers = said();
        headers["Accept-Language"] = "de".into();
        assert_eq!(rebuilt(payload), json!({ "headers": headers, "client": "web", "deep": [{ "a": 1 }] }));
    }

    #[test]
    fn headers_that_are_no_object_are_replaced() {
        for headers in [json!([["x-hasura-role", "admin"]]), json!("x-hasura-role: admin"), json!(null)] {
            assert_eq!(rebuilt(json!({ "headers": headers })), json!({ "headers": said() }));
        }
        assert_eq!(rebuilt(json!({})), json!({ "headers": said() }));
    }

    #[test]
    fn a_token_stays_where_the_client_put_it() {
        let payload = rebuilt(json!({ "authorization": "Bearer t" }));
        assert_eq!(payload, json!({ "authorization": "Bearer t", "headers": said() }));
    }

    #[test]
    fn one_role_is_asked_for() {
        let asked = |headers: Value| {
            let Value::Object(payload) = json!({ "headers": headers }) else { panic!("an object") };
            role(&payload).map(|role| role.map(str::to_owned))
        };
        assert_eq!(asked(json!({ "X-Hasura-role": "editor" })), Ok(Some("editor".into())));
        assert_eq!(asked(json!({ "x_hasura_role": "editor" })), Ok(None));
        assert_eq!(asked(json!({ "x-hasura-role": ["editor"] })), Err(Refused::Role));
        let twice = json!({ "x-hasura-role": "user", "X-Hasura-Role": "editor" });
        assert_eq!(asked(twice), Err(Refused::Doubled("X-Hasura-Role")));
    }
}
