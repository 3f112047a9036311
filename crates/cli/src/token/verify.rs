use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use countersign_core::Timestamp;
use countersign_core::token::{Algorithm, Expected, KeySet, Unverified};

use super::expiry;

#[derive(Args)]
pub(crate) struct Verify {
    /// A file with the issuer's public keys (a JWKS).
    #[arg(long, value_name = "FILE", required_unless_present = "batch")]
    jwks: Option<PathBuf>,
    /// The only issuer.
    #[arg(long)]
    issuer: Option<String>,
    /// Whom the token must be for.
    #[arg(long)]
    audience: Option<String>,
    /// The only type: `at+jwt` for access tokens.
    #[arg(long)]
    typ: Option<String>,
    /// When the token must be valid, in seconds since 1970. The present, if not given.
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// How many seconds clocks may differ.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    leeway: u64,
    /// Read questions as JSON lines from the standard input and answer each with a line.
    #[arg(long, conflicts_with_all = ["jwks", "issuer", "audience", "typ", "now", "leeway", "token"])]
    pub(super) batch: bool,
    /// The token; read from the standard input if it is not given.
    pub(super) token: Option<String>,
}

impl Verify {
    /// Says whether the token is good, and what it says if it is; a refusal is exit code 1.
    pub(super) fn run(self, token: &str, mut stdout: impl Write, now: Timestamp) -> anyhow::Result<ExitCode> {
        let path = self.jwks.context("--jwks is missing")?;
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let keys = KeySet::from_jwks(&text).with_context(|| format!("in {}", path.display()))?;
        let now = self.now.map_or(now, Timestamp::from_secs);
        let expected = Expected {
            now: Some(now),
            leeway: Duration::from_secs(self.leeway),
            issuer: self.issuer,
            audience: self.audience,
            typ: self.typ,
        };
        let verified = Unverified::parse_foreign(token)
            .and_then(|unverified| unverified.verify_jwt(&keys, Algorithm::ALL, &expected));
        match verified {
            Ok(claims) => {
                writeln!(stdout, "Verified. {}\n", expiry::in_words(&claims, now))?;
                writeln!(stdout, "{}", serde_json::to_string_pretty(&*claims)?)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(reject) => {
                writeln!(stdout, "Refused ({}): {reject}.", reject.name())?;
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::Value;

    use super::super::{TokenCommand, run};
    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: TokenCommand,
    }

    /// Runs `token verify` on the first good token of the vectors.
    fn verify(flags: &[&str]) -> (bool, String) {
        let file: Value = serde_json::from_str(include_str!("../../../../vectors/tokens.json")).unwrap();
        let jwks = tempfile::NamedTempFile::new().unwrap();
        fs::write(jwks.path(), file["jwks"].to_string()).unwrap();
        let line = ["token", "verify", "--jwks", jwks.path().to_str().unwrap()];
        let line = Line::try_parse_from(line.iter().chain(flags)).unwrap();
        let token = format!("{}\n", file["cases"][0]["token"].as_str().unwrap());
        let mut stdout = Vec::new();
        let code =
            run(line.command, token.as_bytes(), &mut stdout, Timestamp::from_secs(1_800_000_060)).unwrap();
        (code == ExitCode::SUCCESS, String::from_utf8(stdout).unwrap())
    }

    #[test]
    fn a_good_token_is_shown_with_its_expiry() {
        let (good, shown) =
            verify(&["--issuer", "https://auth.example", "--audience", "api", "--typ", "at+jwt"]);
        assert!(good && shown.starts_with("Verified. It expires in 14 minutes.\n"), "{shown}");
        assert!(shown.contains("\"sid\": \"ses_0202"), "{shown}");
    }

    #[test]
    fn a_refusal_names_its_reason() {
        for (flags, reason) in [
            (["--audience", "billing"], "Refused (audience)"),
            (["--issuer", "https://evil.example"], "Refused (issuer)"),
            (["--typ", "JWT"], "Refused (type)"),
            (["--now", "1800000905"], "Refused (expired)"),
        ] {
            let (good, shown) = verify(&flags);
            assert!(!good && shown.starts_with(reason), "{shown}");
        }
        assert!(verify(&["--now", "1800000904"]).0);
    }

    #[test]
    fn a_batch_takes_no_other_flags() {
        assert!(Line::try_parse_from(["token", "verify", "--batch"]).is_ok());
        for line in [&["token", "verify"][..], &["token", "verify", "--batch", "--issuer", "x"]] {
            assert!(Line::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
