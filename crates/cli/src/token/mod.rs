//! `countersign token`: looks at tokens and verifies them, without a server or a network.

mod batch;
mod expiry;
mod inspect;
mod verify;

use std::io::{BufRead, Write};
use std::process::ExitCode;

use clap::Subcommand;
use countersign_core::Timestamp;

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Show what a token says, without verifying it.
    Inspect {
        /// The token; read from the standard input if it is not given.
        token: Option<String>,
    },
    /// Verify the signature, the times and the names in a token.
    Verify(verify::Verify),
}

/// Runs one command; `now` is when tokens must be valid.
pub(crate) fn run(
    command: TokenCommand,
    stdin: impl BufRead,
    stdout: impl Write,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Inspect { token } => inspect::run(&given(token, stdin)?, stdout, now),
        TokenCommand::Verify(verify) if verify.batch => batch::run(stdin, stdout),
        TokenCommand::Verify(mut verify) => {
            let token = given(verify.token.take(), stdin)?;
            verify.run(&token, stdout, now)
        }
    }
}

fn given(token: Option<String>, mut stdin: impl BufRead) -> anyhow::Result<String> {
    if let Some(token) = token {
        return Ok(token);
    }
    let mut line = String::new();
    stdin.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
