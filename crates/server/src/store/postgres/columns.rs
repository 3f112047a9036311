//! Our types as columns: each wrapper is written and read in one form, here.

use std::error::Error;
use std::time::Duration;

use bytes::BytesMut;
use countersign_core::code::EndReason;
use countersign_core::{Secret, Timestamp};
use serde::de::DeserializeOwned;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

use super::fault::Fault;

/// The columns of a row, from left to right.
pub(super) struct Columns<'a> {
    row: &'a Row,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(super) const fn of(row: &'a Row) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: FromSql<'a>>(&mut self) -> Result<T, Fault> {
        let at = self.next;
        self.next += 1;
        self.row.try_get(at).map_err(|error| Fault::Row(error.to_string()))
    }
}

/// Bytes of a known number: an id or a hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<const N: usize>(pub(super) [u8; N]);

/// A whole number; what the database's 63 bits cannot hold becomes the most that they can.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole(pub(super) u64);

/// A moment: milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(pub(super) Timestamp);

/// A span: milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span(pub(super) Duration);

/// A list or map: JSON.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

/// A variant without fields: its name in serde's form.
#[derive(Debug)]
pub(super) struct Word<T>(pub(super) T);

/// Why a session ended: the word of the wire.
#[derive(Debug)]
pub(super) struct Reason(pub(super) EndReason);

/// A session's salt.
pub(super) struct Salt(pub(super) Secret<16>);

type Outcome<T> = Result<T, Box<dyn Error + Sync + Send>>;

/// Writes a wrapper as what its body makes of it.
macro_rules! written {
    ({$($generic:tt)*} $wrapper:ty, $sql:ident, $value:ident => $plain:expr) => {
        impl<$($generic)*> ToSql for $wrapper {
            fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Outcome<IsNull> {
                let $value = &self.0;
                ($plain).to_sql(kind, out)
            }

            accepts!($sql);
            to_sql_checked!();
        }
    };
}

/// Reads a wrapper from the plain value that its body is given.
macro_rules! read {
    ({$($generic:tt)*} $wrapper:ty, $sql:ident, $value:ident: $plain:ty => $made:expr) => {
        impl<'a, $($generic)*> FromSql<'a> for $wrapper {
            fn from_sql(kind: &Type, raw: &'a [u8]) -> Outcome<Self> {
                let $value = <$plain>::from_sql(kind, raw)?;
                $made
            }

            accepts!($sql);
        }
    };
}

fn most(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

written!({const N: usize} Bytes<N>, BYTEA, bytes => &bytes[..]);
written!({} Whole, INT8, number => most(*number));
written!({} At, INT8, moment => most(moment.as_millis()));
written!({} Span, INT8, span => most(span.as_millis()));
written!({T: Serialize + std::fmt::Debug} Json<T>, TEXT, value => serde_json::to_string(value)?);
written!({T: Serialize + std::fmt::Debug} Word<T>, TEXT, value => word(value)?);
written!({} Reason, TEXT, reason => reason.name());

read!({const N: usize} Bytes<N>, BYTEA, bytes: &[u8] => Ok(Self(bytes.try_into()?)));
read!({} Whole, INT8, number: i64 => Ok(Self(number.try_into()?)));
read!({} At, INT8, millis: i64 => Ok(Self(Timestamp::from_millis(millis.try_into()?))));
read!({} Span, INT8, millis: i64 => Ok(Self(Duration::from_millis(millis.try_into()?))));
read!({T: DeserializeOwned} Json<T>, TEXT, text: &str => Ok(Self(serde_json::from_str(text)?)));
read!({T: for<'de> Deserialize<'de>} Word<T>, TEXT, text: &str => {
    Ok(Self(T::deserialize(StrDeserializer::<WordError>::new(text))?))
});
read!({} Reason, TEXT, text: &str => EndReason::from_name(text).map(Self).ok_or_else(|| "no such reason".into()));
read!({} Salt, BYTEA, bytes: &[u8] => Secret::from_slice(bytes).map(Self).ok_or_else(|| "not 16 bytes".into()));

fn word(value: &impl Serialize) -> Outcome<String> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        _ => Err("not a word".into()),
    }
}
