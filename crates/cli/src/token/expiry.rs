use std::time::Duration;

use countersign_core::Timestamp;
use serde_json::{Map, Value};

/// When a token with these claims expires, in words.
pub(super) fn in_words(claims: &Map<String, Value>, now: Timestamp) -> String {
    let Some(exp) = claims.get("exp").and_then(Value::as_u64).map(Timestamp::from_secs) else {
        return "It never expires, or does not say when.".to_owned();
    };
    if now < exp {
        format!("It expires in {}.", span(exp.since(now)))
    } else {
        format!("It expired {} ago.", span(now.since(exp)))
    }
}

fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spans_are_rounded_down() {
        let words = |exp: Value| {
            in_words(json!({ "exp": exp }).as_object().unwrap(), Timestamp::from_secs(1_000_000))
        };
        for (exp, text) in [
            (1_000_001, "It expires in 1 second."),
            (1_000_059, "It expires in 59 seconds."),
            (1_000_119, "It expires in 1 minute."),
            (1_007_200, "It expires in 2 hours."),
            (1_000_000, "It expired 0 seconds ago."),
            (913_600, "It expired 1 day ago."),
        ] {
            assert_eq!(words(exp.into()), text);
        }
        assert_eq!(words("soon".into()), "It never expires, or does not say when.");
    }
}
