use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use countersign_core::Timestamp;
use serde_json::{Map, Value};

use super::expiry;

/// Prints the header and the claims of a token that nobody has verified.
pub(super) fn run(token: &str, mut stdout: impl Write, now: Timestamp) -> anyhow::Result<ExitCode> {
    let parts: Vec<_> = token.split('.').collect();
    let &[header, payload, _] = parts.as_slice() else {
        anyhow::bail!("a token has three parts divided by dots, this text has {}", parts.len());
    };
    let header = object(header).context("the header")?;
    let claims = object(payload).context("the claims")?;
    writeln!(stdout, "NOT VERIFIED: anybody can write such a token.\n")?;
    writeln!(stdout, "Header: {}\n", serde_json::to_string_pretty(&header)?)?;
    writeln!(stdout, "Claims: {}\n", serde_json::to_string_pretty(&claims)?)?;
    writeln!(stdout, "{}", expiry::in_words(&claims, now))?;
    Ok(ExitCode::SUCCESS)
}

fn object(part: &str) -> anyhow::Result<Map<String, Value>> {
    Ok(serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    // {"alg":"EdDSA"}, then {"exp":60,"sub":"ada"}, then no signature at all.
    const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJleHAiOjYwLCJzdWIiOiJhZGEifQ.";

    #[test]
    fn what_is_shown_is_marked_as_not_verified() {
        let mut shown = Vec::new();
        run(TOKEN, &mut shown, Timestamp::from_secs(30)).unwrap();
        assert_eq!(
            String::from_utf8(shown).unwrap(),
            "NOT VERIFIED: anybody can write such a token.\n\n\
             Header: {\n  \"alg\": \"EdDSA\"\n}\n\n\
             Claims: {\n  \"exp\": 60,\n  \"sub\": \"ada\"\n}\n\n\
             It expires in 30 seconds.\n"
        );
    }

    #[test]
    fn what_is_no_token_is_an_error() {
        for (text, complaint) in [
            ("", "three parts"),
            ("a.b", "three parts"),
            ("a.b.c.d.e", "three parts"),
            ("!.e30.", "the header"),
            ("e30.W10.", "the claims"),
        ] {
            let error = run(text, Vec::new(), Timestamp::from_secs(0)).unwrap_err();
            assert!(error.to_string().contains(complaint), "{text}: {error}");
        }
    }
}
