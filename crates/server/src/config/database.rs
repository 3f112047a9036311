//! Where everything is kept.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::store::postgres;

/// Where everything is kept.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "whoever opens a database must know each kind")]
pub enum Database {
    /// In a file of the data folder.
    Sqlite,
    /// On a PostgreSQL server.
    Postgres(Box<postgres::Url>),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str("sqlite"),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl Serialize for Database {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match String::deserialize(from)?.as_str() {
            "sqlite" => Ok(Self::Sqlite),
            url => url.parse().map(|url| Self::Postgres(Box::new(url))).map_err(serde::de::Error::custom),
        }
    }
}
