//! Limits of attempts, as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use countersign_core::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::store::Allowance;

/// How many attempts are allowed: `10/1m` is ten at once, and then ten a minute; `off` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<Allowance>);

impl Limit {
    pub(super) const fn of(burst: u32, seconds: u64) -> Self {
        Self(Some(Allowance { burst, interval: Duration::from_millis(seconds * 1000 / burst as u64) }))
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let fault = || format!("`{text}` is not a limit: write `off`, or attempts/time as in 10/1m");
        let (burst, time) = text.split_once('/').ok_or_else(fault)?;
        let burst: u32 = burst.parse().ok().filter(|burst| *burst > 0).ok_or_else(fault)?;
        let Span(time) = time.parse().map_err(|_| fault())?;
        Ok(Self(Some(Allowance { burst, interval: time / burst })))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("off"),
            Some(allowed) => write!(f, "{}/{}", allowed.burst, Span(allowed.interval * allowed.burst)),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reads_back() {
        for text in ["off", "10/1m", "100/1m", "30/1h"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        assert!("10".parse::<Limit>().is_err());
    }
}
