//! JSON without the freedoms that let two parsers read one text differently: no name twice in an object, at
//! any depth and in any spelling ([RFC 8725, section 2.4](https://www.rfc-editor.org/rfc/rfc8725#section-2.4)).
//! `serde_json` itself refuses trailing text, broken UTF-8 and more than 128 levels.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};

/// A member's name, borrowed unless it is spelled with escapes.
#[derive(Deserialize)]
pub(super) struct Name<'n>(#[serde(borrow)] pub(super) Cow<'n, str>);

/// The object in `text`.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    let mut from = serde_json::Deserializer::from_slice(text);
    let object = from.deserialize_map(StrictObject)?;
    from.end()?;
    Ok(object)
}

/// Reads the value of the member `name`, which must come only once.
pub(super) fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    name: &str,
    members: &mut A,
) -> Result<(), A::Error> {
    match slot.replace(members.next_value()?) {
        None => Ok(()),
        Some(_) => Err(repeated(name)),
    }
}

/// Reads the value of a member that has no type of its own.
pub(super) fn other<'de, A: MapAccess<'de>>(
    others: &mut Map<String, Value>,
    name: &str,
    members: &mut A,
) -> Result<(), A::Error> {
    match others.insert(name.to_owned(), members.next_value_seed(StrictValue)?) {
        None => Ok(()),
        Some(_) => Err(repeated(name)),
    }
}

pub(super) fn repeated<E: de::Error>(name: &str) -> E {
    E::custom(format_args!("member {name:?} comes twice"))
}

struct StrictObject;

impl<'de> Visitor<'de> for StrictObject {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(Name(name)) = members.next_key()? {
            other(&mut object, &name, &mut members)?;
        }
        Ok(object)
    }
}

struct StrictValue;

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        StrictObject.visit_map(members).map(Value::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::object;

    #[test]
    fn a_name_comes_once_at_any_depth_and_in_any_spelling() {
        for bad in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, r#"{"a":[{"b":{"c":1,"c":2}}]}"#] {
            assert!(object(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(object(br#"{"a":[{"b":{"c":1}},{"b":{"c":1}}],"A":null}"#).is_ok());
    }

    #[test]
    fn only_an_object_and_nothing_after_it() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for bad in [
            "",
            "[]",
            "1",
            "null",
            "{}{}",
            "{} x",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":\"\\ud800\"}",
            "\u{feff}{}",
            &deep,
        ] {
            assert!(object(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_err());
        assert!(object(b" {} \n").is_ok());
    }
}
