//! A type for each id, so that a user's id can never stand where a session's should.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Timestamp, text};

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ and 32 lower-case hex digits")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// An id whose text sorts by the time it was made: 48 bits of milliseconds, then 80 random bits.
            ///
            /// The layout is that of a UUID version 7 ([RFC 9562, section 5.7](https://www.rfc-editor.org/rfc/rfc9562#section-5.7)).
            pub fn at(now: Timestamp, random: [u8; 10]) -> Self {
                let [_, _, t0, t1, t2, t3, t4, t5] = now.as_millis().to_be_bytes();
                let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random;
                Self([
                    t0, t1, t2, t3, t4, t5,
                    0x70 | (r0 & 0x0f), r1,
                    0x80 | (r2 & 0x3f), r3, r4, r5, r6, r7, r8, r9,
                ])
            }

            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes, as databases and tokens hold them.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The same id in the form of a UUID, for databases that have a column type for it.
            pub fn as_uuid(&self) -> String {
                let hex = format!("{:032x}", u128::from_be_bytes(self.0));
                let mut out = String::with_capacity(36);
                for (at, digit) in hex.chars().enumerate() {
                    if matches!(at, 8 | 12 | 16 | 20) {
                        out.push('-');
                    }
                    out.push(digit);
                }
                out
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{:032x}"), u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(id: &str) -> Result<Self, IdError> {
                id.strip_prefix(concat!($prefix, "_")).and_then(text::from_hex).map(Self).ok_or(IdError { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                text::deserialize(from)
            }
        }
    )*};
}

ids! {
    /// A program that authenticates with a service key.
    ServiceKeyId = "sky";
    /// One login on one device; every rotation of its refresh token keeps this id.
    SessionId = "ses";
    /// A person or machine that can log in.
    UserId = "usr";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_names_its_kind() {
        let id = SessionId::at(Timestamp::from_millis(0x0123_4567_89ab), [0xff; 10]);
        assert_eq!(id.to_string(), "ses_0123456789ab7fffbfffffffffffffff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.as_uuid(), "01234567-89ab-7fff-bfff-ffffffffffff");
        assert!(id.to_string().parse::<UserId>().is_err());
    }

    #[test]
    fn one_id_has_one_text() {
        for bad in
            ["", "usr_", "usr_0123456789AB7fffbfffffffffffffff", "usr_+123456789ab7fffbfffffffffffffff"]
        {
            assert!(bad.parse::<UserId>().is_err(), "{bad}");
        }
    }
}
