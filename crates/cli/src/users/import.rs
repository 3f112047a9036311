//! `countersign users import`: accounts of another system, a line of JSON each.

use std::io::BufRead;
use std::process::ExitCode;

use countersign_server::app::{App, NewUser, Password};
use serde::Deserialize;

use crate::print;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    email: String,
    username: Option<String>,
    hash: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    default_role: Option<String>,
}

/// Takes each line for itself: one that cannot be taken does not stop the others, and is told with its number.
pub(super) async fn run(app: &App, lines: impl BufRead) -> anyhow::Result<ExitCode> {
    let (mut imported, mut refused) = (0_usize, 0_usize);
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        match take(app, &line).await {
            Ok(()) => imported += 1,
            Err(error) => {
                refused += 1;
                eprintln!("line {number}: {error:#}");
            }
        }
    }
    print::line(format_args!("imported: {imported}; refused: {refused}"))?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn take(app: &App, line: &str) -> anyhow::Result<()> {
    let Line { email, username, hash, roles, default_role } = serde_json::from_str(line)?;
    let (roles, first) = super::roles_of(app.settings(), roles);
    let password = hash.map(Password::Hash);
    let default_role = default_role.unwrap_or(first);
    app.create_user(NewUser { email, username, password, roles, default_role }).await?;
    Ok(())
}
