//! Where the first message of a client holds its token.

use serde_json::{Map, Value};

use crate::Refused;

/// What stands for an `Authorization` header: that member of `headers`, or of the payload itself, in any case.
/// Nothing, where a client that has no token says so.
///
/// # Errors
/// [`Refused::Doubled`] if there are several that differ, or one that is no text.
pub(super) fn authorization(payload: &Map<String, Value>) -> Result<Option<&str>, Refused> {
    let headers = payload.get("headers").and_then(Value::as_object);
    let members = headers.into_iter().flatten().chain(payload);
    let values = members.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let mut found = None;
    for (_, value) in values.filter(|(_, value)| !value.is_null() && *value != "") {
        let text = value.as_str().ok_or(Refused::Doubled("authorization"))?;
        if found.replace(text).is_some_and(|other| other != text) {
            return Err(Refused::Doubled("authorization"));
        }
    }
    Ok(found)
}
