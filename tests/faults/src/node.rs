//! A server as a process: started on a folder, killed, stopped, and started again on the same folder and port.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// Much longer than a start takes, so that a hang is a failure.
const SOON: Duration = Duration::from_mins(1);

/// The flight time and the grace of the servers here: long for a slow machine, short for a test.
pub const FLIGHT: Duration = Duration::from_millis(500);
/// See [`FLIGHT`].
pub const GRACE: Duration = Duration::from_millis(1_500);

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What `serve` takes besides the flags that every server here has; later ones do not replace those.
    pub flags: Vec<String>,
    /// The flight time, if it is not [`FLIGHT`]; the grace is three times as long.
    pub flight: Option<Duration>,
    /// Variables of its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Another program than the one that is tried: an older version.
    pub program: Option<OsString>,
}

impl Plan {
    /// One more flag.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    /// One more variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

/// One server. Killed when dropped.
#[derive(Debug)]
pub struct Node {
    /// The folder with its secret and its database.
    pub data: PathBuf,
    plan: Plan,
    port: u16,
    running: Option<(Child, BufReader<ChildStdout>)>,
}

impl Node {
    /// Starts a server on this folder and any free port.
    pub async fn start(data: &Path, plan: Plan) -> anyhow::Result<Self> {
        Self::start_at(data, 0, plan).await
    }

    /// The same on this port, for a server that names another as its issuer's.
    pub async fn start_at(data: &Path, port: u16, plan: Plan) -> anyhow::Result<Self> {
        let mut node = Self { data: data.to_owned(), plan, port, running: None };
        node.start_again().await?;
        Ok(node)
    }

    /// The port, which stays the same.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server that has ended once more, on the same port, and waits until it is ready.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let log = self.data.with_extension("log");
        let log = std::fs::File::options().create(true).append(true).open(log)?;
        let flight = self.plan.flight.unwrap_or(FLIGHT);
        let seconds = |span: Duration| format!("{}s", span.as_secs_f64());
        let program = self.plan.program.clone().map_or_else(binary, |program| Ok(program.into()))?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port), "--data"])
            .arg(&self.data)
            .args(["--flight", &seconds(flight), "--grace", &seconds(3 * flight)])
            .args(["--login-account-limit", "off", "--login-address-limit", "off"])
            .args(["--signup-address-limit", "off"])
            .args(&self.plan.flags)
            .envs(self.plan.environment.iter().map(|(name, value)| (name, value)))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the server cannot be started")?;
        let mut stdout = BufReader::new(child.stdout.take().context("its output is piped")?);
        let mut line = String::new();
        tokio::time::timeout(SOON, stdout.read_line(&mut line))
            .await
            .context("the server never starts")??;
        let Some(port) = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok()) else {
            bail!("the server does not start; its last words:\n{}", self.last_words());
        };
        if self.port == 0 {
            self.port = port;
        }
        self.running = Some((child, stdout));
        Ok(())
    }

    /// From the next start on it is another version; none is the one that is tried.
    pub fn become_version(&mut self, program: Option<OsString>) {
        self.plan.program = program;
    }

    /// Ends the server in the middle of whatever it does.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.end(Signal::KILL).await?;
        Ok(())
    }

    /// Ends the server as an operator does, and insists that it ends well.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.end(Signal::TERM).await?;
        if !status.success() {
            bail!("the server ended with {status}; its last words:\n{}", self.last_words());
        }
        Ok(())
    }

    /// Runs a command beside the server, as the version that this is; what it printed.
    pub async fn command(&self, words: &[&str]) -> anyhow::Result<String> {
        self.command_of(self.plan.program.clone(), words).await
    }

    /// The same as another version.
    pub async fn command_of(&self, program: Option<OsString>, words: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(program.map_or_else(binary, |program| Ok(program.into()))?)
            .args(words)
            .env("COUNTERSIGN_DATA", &self.data)
            .envs(self.plan.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .await?;
        if !output.status.success() {
            bail!("{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Holds the server still, or lets it go on.
    pub fn pause(&self, still: bool) -> anyhow::Result<()> {
        Ok(kill_process(self.pid()?, if still { Signal::STOP } else { Signal::CONT })?)
    }

    /// How many files the running server may have open from now on.
    pub fn limit_files(&self, most: u64) -> anyhow::Result<()> {
        // It inherited ours, and only root may raise the other one.
        let limit = Rlimit { current: Some(most), ..getrlimit(Resource::Nofile) };
        prlimit(Some(self.pid()?), Resource::Nofile, limit)?;
        Ok(())
    }

    /// How many files the running server has open.
    pub fn open_files(&self) -> anyhow::Result<u64> {
        let folder = format!("/proc/{}/fd", self.pid()?.as_raw_nonzero());
        Ok(std::fs::read_dir(folder)?.count() as u64)
    }

    /// What it wrote to standard error last.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let id =
            self.running.as_ref().and_then(|(child, _)| child.id()).context("the server does not run")?;
        Pid::from_raw(id.try_into()?).context("a process has a number")
    }

    async fn end(&mut self, signal: Signal) -> anyhow::Result<ExitStatus> {
        kill_process(self.pid()?, signal)?;
        let (mut child, _stdout) = self.running.take().context("the server does not run")?;
        tokio::time::timeout(SOON, child.wait()).await.context("the server does not end")?.map_err(Into::into)
    }
}

/// The server's program: `COUNTERSIGN_BIN`, or what was built beside this one.
#[expect(clippy::disallowed_methods, reason = "which program is tried, the environment says")]
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("COUNTERSIGN_BIN") {
        return Ok(named.into());
    }
    let own = std::env::current_exe()?;
    // Tests are in a folder below.
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("countersign"));
    found
        .into_iter()
        .find(|path| path.is_file())
        .context("no program beside this one: cargo build -p countersign")
}
