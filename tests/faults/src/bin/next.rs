//! The next version of the server, as far as a migration makes it one: it knows one step more than this version, takes
//! that step when it starts or is told to, and goes on as the program of this version.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use countersign_faults::node::binary;
use countersign_server::store::{Migration, postgres, sqlite};

/// What a step that expands may do: add what the version before does not name.
const SQLITE: &str = "
    ALTER TABLE sessions ADD COLUMN next_label TEXT NOT NULL DEFAULT 'none';
    ALTER TABLE users ADD COLUMN next_locale TEXT;
    CREATE TABLE next_devices (user_id BLOB PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX next_sessions_by_label ON sessions (next_label);
";
const POSTGRES: &str = "
    ALTER TABLE sessions ADD COLUMN next_label TEXT NOT NULL DEFAULT 'none';
    ALTER TABLE users ADD COLUMN next_locale TEXT;
    ALTER TABLE denylist ADD COLUMN next_why TEXT;
    CREATE TABLE next_devices (user_id BYTEA PRIMARY KEY, name TEXT NOT NULL);
";

fn main() -> anyhow::Result<()> {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(url) = said(&words, "--database", "COUNTERSIGN_DATABASE") {
        let url = url.into_string().ok().context("a URL is text")?.parse()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(postgres::migrate_by(&url, &with(postgres::MIGRATIONS, POSTGRES)))?;
    } else {
        let data = said(&words, "--data", "COUNTERSIGN_DATA").context("a server has a folder")?;
        let path = PathBuf::from(data).join("countersign.db");
        sqlite::migrate_by(&path, &with(sqlite::MIGRATIONS, SQLITE))?;
    }
    let failed = Command::new(binary()?).args(words).exec();
    bail!("this version cannot be started: {failed}")
}

fn with(migrations: &[Migration], sql: &'static str) -> Vec<Migration> {
    let (version, min_version) = migrations.last().map_or((0, 0), |last| (last.version, last.min_version));
    [migrations, &[Migration { version: version + 1, min_version, sql }]].concat()
}

/// A setting, by its flag or its variable.
#[expect(
    clippy::disallowed_methods,
    reason = "where the database is, the environment says as it does to the server"
)]
fn said(words: &[OsString], flag: &str, variable: &str) -> Option<OsString> {
    let after = words.iter().position(|word| word == flag).and_then(|at| words.get(at + 1));
    after.cloned().or_else(|| std::env::var_os(variable))
}
