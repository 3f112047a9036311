//! How a verifier is, for health pages.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::Unready;

/// How a verifier is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Why it cannot judge, if it cannot: a sentence, in JSON.
    #[serde(serialize_with = "sentence")]
    pub unready: Option<Unready>,
    /// How long ago everything was known; `None` if never. In JSON in seconds.
    #[serde(serialize_with = "seconds")]
    pub stale_for: Option<Duration>,
    /// How many deny-list entries it holds.
    pub entries: usize,
    /// How many keys it holds.
    pub keys: usize,
    /// How many tokens it remembers whose signatures it has verified.
    pub signatures: usize,
    /// How many sessions of live connections wait to be told of their end.
    pub live: usize,
}

#[expect(clippy::ref_option, reason = "so serde hands it over")]
fn sentence<S: Serializer>(unready: &Option<Unready>, to: S) -> Result<S::Ok, S::Error> {
    unready.map(|unready| unready.to_string()).serialize(to)
}

#[expect(clippy::ref_option, reason = "so serde hands it over")]
fn seconds<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs_f64()).serialize(to)
}
