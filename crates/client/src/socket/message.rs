use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::secret::SecretText;

/// What is subscribed to.
#[derive(Debug, Clone, Serialize)]
pub struct Operation {
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Value>,
    #[serde(rename = "operationName", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Operation {
    /// A GraphQL document with one operation.
    pub fn new(query: impl Into<String>) -> Self {
        Self { query: query.into(), variables: None, name: None }
    }

    /// With these variables, an object.
    #[must_use]
    pub fn variables(self, variables: Value) -> Self {
        Self { variables: Some(variables), ..self }
    }

    /// The operation of this name, if the document has several.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

/// One result of an operation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Execution {
    /// What was asked for; null if nothing could be answered.
    #[serde(default)]
    pub data: Value,
    /// Faults of parts of it, as GraphQL describes them.
    #[serde(default)]
    pub errors: Vec<Value>,
}

/// What a server says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said {
    ConnectionAck,
    Ping { payload: Option<Value> },
    Pong { payload: Option<Value> },
    Next { id: String, payload: Execution },
    Error { id: String, payload: Vec<Value> },
    Complete { id: String },
}

impl Said {
    /// Whether this answers that a newer token is taken.
    pub(super) fn taken(payload: Option<&Value>) -> bool {
        let payload = payload.and_then(Value::as_object);
        payload.is_some_and(|payload| {
            payload.get("type").is_some_and(|kind| kind == "reauth")
                && payload.get("ok").is_some_and(|ok| *ok == true)
        })
    }
}

pub(super) fn init(token: &SecretText) -> Zeroizing<String> {
    let bearer = token.bearer();
    let payload = json!({ "headers": { "Authorization": bearer.as_str() } });
    Zeroizing::new(json!({ "type": "connection_init", "payload": payload }).to_string())
}

pub(super) fn reauth(token: &SecretText) -> Zeroizing<String> {
    let payload = json!({ "type": "reauth", "authorization": token.bearer().as_str() });
    Zeroizing::new(json!({ "type": "ping", "payload": payload }).to_string())
}

pub(super) fn subscribe(id: u64, operation: &Operation) -> String {
    json!({ "type": "subscribe", "id": id.to_string(), "payload": operation }).to_string()
}

pub(super) fn complete(id: u64) -> String {
    json!({ "type": "complete", "id": id.to_string() }).to_string()
}

pub(super) fn ping() -> String {
    json!({ "type": "ping" }).to_string()
}

pub(super) fn pong(payload: Option<&Value>) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}
