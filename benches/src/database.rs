//! A PostgreSQL of a benchmark's own, as `scripts/postgres` starts it; ended when dropped.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::process;

const SCRIPT: &str = "scripts/postgres";

pub(crate) struct Database {
    folder: TempDir,
    pub(crate) url: String,
}

impl Database {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut database = Self { folder: TempDir::new()?, url: String::new() };
        let output = Command::new(SCRIPT).arg("start").arg(database.folder.path()).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout)?.trim().clone_into(&mut database.url);
        Ok(database)
    }

    /// Ends the filling: from now on what is committed is on the disk, which the tests do not wait for.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        Runtime::new()?.block_on(async {
            let client = connect(&self.url).await?;
            for sql in
                ["ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()", "VACUUM ANALYZE", "CHECKPOINT"]
            {
                client.batch_execute(sql).await?;
            }
            Ok(())
        })
    }

    /// The processor time of all its processes, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let file = fs::read_to_string(self.folder.path().join("postgres/postmaster.pid"))?;
        let main: u32 = file.lines().next().context("a process")?.parse()?;
        let mut taken = process::cpu(main)?;
        for entry in fs::read_dir("/proc")? {
            let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // Any process may have ended meanwhile.
            let parent = process::stat(number).ok().and_then(|fields| fields.get(1)?.parse::<u32>().ok());
            if parent == Some(main) {
                taken += process::cpu(number).unwrap_or_default();
            }
        }
        Ok(taken)
    }
}

pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ended = Command::new(SCRIPT).arg("stop").arg(self.folder.path()).stdout(Stdio::null()).status();
    }
}
