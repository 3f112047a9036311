//! Durations as people write them in configuration: `15m`, `0.3s`, `1.5h`, `30d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration with its unit, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || {
            format!(
                "`{text}` is not a duration: write a number and a unit (ms, s, m, h, d), as in 15m or 0.3s"
            )
        };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).unwrap_or_default();
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?;
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let number: f64 = plain.then(|| digits.parse().ok()).flatten().ok_or_else(fault)?;
        #[expect(clippy::cast_precision_loss, reason = "the five factors are exact")]
        let seconds = number * (*millis as f64) / 1000.0;
        let span = Duration::try_from_secs_f64(seconds).map_err(|_| fault())?;
        // Whole milliseconds: that is what the database and the tokens count in.
        let rounded = u64::try_from(span.as_micros().div_ceil(1000)).map_err(|_| fault())?;
        Ok(Self(Duration::from_millis(rounded)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (name, factor) = UNITS
            .iter()
            .rev()
            .find(|(_, factor)| millis.is_multiple_of(u128::from(*factor)))
            .unwrap_or(&("ms", 1));
        write!(f, "{}{name}", millis / u128::from(*factor))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How often something happens by itself, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(pub Option<Duration>);

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            _ => text.parse().map(|Span(span)| Self(Some(span))),
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("off"),
            Some(span) => Span(span).fmt(f),
        }
    }
}

impl Serialize for Every {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_it_and_read_it_back() {
        for (text, millis, shown) in [
            ("15m", 900_000, "15m"),
            ("0.3s", 300, "300ms"),
            ("1.5h", 5_400_000, "90m"),
            ("14d", 1_209_600_000, "14d"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(millis), "{text}");
            assert_eq!(span.to_string(), shown);
            assert_eq!(shown.parse(), Ok(span));
        }
    }

    #[test]
    fn what_happens_by_itself_may_be_off() {
        for text in ["off", "30d"] {
            assert_eq!(text.parse::<Every>().unwrap().to_string(), text);
        }
        assert!("never".parse::<Every>().is_err());
    }

    #[test]
    fn anything_else_is_a_fault_that_says_how() {
        for bad in
            ["", "15", "m", "-1s", "1e3s", "1 s", "nan", "inf", "1y", "99999999999999999999d", "1.2.3s"]
        {
            assert!(bad.parse::<Span>().is_err_and(|why| why.contains("15m")), "{bad}");
        }
    }
}
