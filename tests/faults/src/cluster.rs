//! PostgreSQL servers of a test's own: one, or one that takes writes and one that follows it.
//!
//! ```text
//! node ──► front ──► the one that takes writes ──► link ──► its standby ◄── front ◄── node
//!             └─ both stay at their address, whichever server is behind ────┘
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio_postgres::{NoTls, Row};

use crate::proxy::{Proxy, Way};

/// A server, ended when dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    /// Where it listens.
    pub port: u16,
}

impl Postgres {
    /// An empty one. None, with a word, where PostgreSQL is not installed; but the build server has it.
    #[expect(clippy::disallowed_methods, reason = "whether this is the build server, the environment says")]
    pub async fn start() -> anyhow::Result<Option<Self>> {
        match Self::made("start", Vec::new()).await {
            Ok(server) => Ok(Some(server)),
            Err(error) if std::env::var("CI").is_err() && error.to_string().contains("no PostgreSQL") => {
                println!("skipped: {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A copy of the one on `port` that follows it by this name, through `link`.
    async fn standby(port: u16, name: &str, link: u16) -> anyhow::Result<Self> {
        Self::made("standby", vec![port.to_string(), name.to_owned(), link.to_string()]).await
    }

    async fn made(what: &'static str, more: Vec<String>) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let said = script(what, folder.path(), more).await?;
        let mut server = Self { folder, port: 0 };
        server.port = port(&said)?;
        Ok(server)
    }

    /// Where it is, as a node is told.
    pub fn url(&self) -> String {
        url(&[self.port])
    }

    /// Ends it as a crash would.
    pub async fn kill(&self) -> anyhow::Result<()> {
        script("kill", self.folder.path(), Vec::new()).await.map(drop)
    }

    /// Starts it again, at the same port.
    pub async fn again(&self) -> anyhow::Result<()> {
        script("start", self.folder.path(), Vec::new()).await.map(drop)
    }

    /// Holds all its processes still.
    pub async fn pause(&self) -> anyhow::Result<()> {
        script("pause", self.folder.path(), Vec::new()).await.map(drop)
    }

    /// Lets them go on.
    pub async fn resume(&self) -> anyhow::Result<()> {
        script("resume", self.folder.path(), Vec::new()).await.map(drop)
    }

    /// Lets a standby take writes.
    async fn promote(&self) -> anyhow::Result<()> {
        script("promote", self.folder.path(), Vec::new()).await.map(drop)
    }

    /// What a query answers.
    pub async fn rows(&self, sql: &str) -> anyhow::Result<Vec<Row>> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client.query(sql, &[]).await?)
    }

    /// Changes a setting, which is so when this returns.
    pub async fn set(&self, name: &str, value: &str) -> anyhow::Result<()> {
        self.rows(&format!("ALTER SYSTEM SET {name} = '{value}'")).await?;
        self.rows("SELECT pg_reload_conf()").await?;
        self.until(&format!("SELECT 1 FROM pg_settings WHERE name = '{name}' AND setting = '{value}'")).await
    }

    /// Asks until there is an answer of a row.
    pub async fn until(&self, sql: &str) -> anyhow::Result<()> {
        let asking = async {
            let mut look = tokio::time::interval(Duration::from_millis(20));
            loop {
                look.tick().await;
                if self.rows(sql).await.is_ok_and(|rows| !rows.is_empty()) {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_mins(1), asking).await.context(sql.to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // One that stands still does not end.
        let _resumed = command("resume", self.folder.path()).output();
        let _stopped = command("stop", self.folder.path()).output();
    }
}

/// A server and its standby, of which either may take the other's part.
#[derive(Debug)]
pub struct Cluster {
    /// In the order of the places of `fronts`; one of them takes writes.
    servers: [Postgres; 2],
    fronts: [Proxy; 2],
    /// Between the two.
    link: Proxy,
    /// Which takes writes.
    primary: usize,
}

impl Cluster {
    /// With `synchronous`, commits that ask for it wait for the standby.
    pub async fn start(synchronous: bool) -> anyhow::Result<Option<Self>> {
        let Some(first) = Postgres::start().await? else { return Ok(None) };
        if synchronous {
            // Before there is a copy, which shall have it too.
            first.set("synchronous_standby_names", "standby").await?;
        }
        let link = Proxy::to(first.port).await?;
        let second = Postgres::standby(first.port, "standby", link.port).await?;
        let fronts = [Proxy::to(first.port).await?, Proxy::to(second.port).await?];
        let cluster = Self { servers: [first, second], fronts, link, primary: 0 };
        cluster.primary().until(STREAMING).await?;
        Ok(Some(cluster))
    }

    /// Both, as a node is told of them.
    pub fn url(&self) -> String {
        url(&self.fronts.each_ref().map(|front| front.port))
    }

    /// Only the standby, as a node would be told of it by mistake.
    pub fn url_of_standby(&self) -> String {
        self.standby().url()
    }

    /// The one that takes writes.
    pub fn primary(&self) -> &Postgres {
        let [first, second] = &self.servers;
        if self.primary == 0 { first } else { second }
    }

    /// The one that follows it.
    pub fn standby(&self) -> &Postgres {
        let [first, second] = &self.servers;
        if self.primary == 0 { second } else { first }
    }

    /// Where a node finds the one that takes writes: what is set there happens to its connections.
    pub fn front(&self) -> &Proxy {
        let [first, second] = &self.fronts;
        if self.primary == 0 { first } else { second }
    }

    /// From now on the standby hears nothing. What was committed without waiting for it will be lost.
    pub fn part(&self) {
        self.link.set(Way::Held);
    }

    /// The one that takes writes crashes, and the standby takes its part.
    pub async fn fail_over(&mut self) -> anyhow::Result<()> {
        self.primary().kill().await?;
        // What was under way between the two is lost.
        self.link.set(Way::Shut);
        self.standby().promote().await?;
        self.primary = 1 - self.primary;
        Ok(())
    }

    /// A new standby in the place of the one that crashed.
    pub async fn heal(&mut self) -> anyhow::Result<()> {
        let port = self.primary().port;
        self.link.lead_to(port);
        self.link.set(Way::Open);
        let new = Postgres::standby(port, "standby", self.link.port).await?;
        let [one, other] = &self.fronts;
        if self.primary == 0 { other } else { one }.lead_to(new.port);
        let [one, other] = &mut self.servers;
        *if self.primary == 0 { other } else { one } = new;
        self.primary().until(STREAMING).await
    }
}

const STREAMING: &str =
    "SELECT 1 FROM pg_stat_replication WHERE application_name = 'standby' AND state = 'streaming'";

fn url(ports: &[u16]) -> String {
    let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    format!("postgres://postgres@{}/postgres", hosts.join(","))
}

fn port(url: &str) -> anyhow::Result<u16> {
    let place = url.trim_end().rsplit(':').next().unwrap_or_default();
    place.split('/').next().unwrap_or_default().parse().with_context(|| format!("no port: {url}"))
}

fn command(what: &str, folder: &Path) -> Command {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres");
    let mut command = Command::new(script);
    command.arg(what).arg(folder).stdin(Stdio::null());
    command
}

/// Runs `scripts/postgres`; what it printed.
async fn script(what: &'static str, folder: &Path, more: Vec<String>) -> anyhow::Result<String> {
    let mut command = command(what, folder);
    command.args(more);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    if !output.status.success() {
        bail!("scripts/postgres {what}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
