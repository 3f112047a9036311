//! The programs that are measured: started from where they were built, and ended when dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use countersign_server::seal::MasterSecret;

use crate::world::World;

/// What the nodes of one database are called together.
pub(crate) const ISSUER: &str = "http://localhost:4000";

/// A running server: ours, or a bare one.
pub(crate) struct Running {
    pub(crate) port: u16,
    program: Program,
}

struct Program(Child);

/// A program that was built beside this one.
pub(crate) fn built(name: &str) -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// A service key of this scope, made by the command line.
pub(crate) fn service_key(world: &World, scope: &str) -> anyhow::Result<String> {
    let output = Command::new(built("countersign")?)
        .args(["keys", "service", "add", "--scope", scope, "--json", "--database", &world.database, "--data"])
        .arg(world.folder.path())
        .env("COUNTERSIGN_MASTER_SECRET", world.master.to_text().as_str())
        .output()?;
    let made: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    Ok(made.get("key").and_then(|key| key.as_str()).context("no key was made")?.to_owned())
}

impl Running {
    /// Runs a program, and waits for its first line, which ends with its port.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("its output is piped")?;
        let read = BufReader::new(stdout).read_line(&mut line);
        let mut running = Self { port: 0, program: Program(child) };
        read?;
        let port = line.trim_end().rsplit(':').next().unwrap_or_default();
        running.port = port.parse().with_context(|| format!("no port in its first line: {line:?}"))?;
        Ok(running)
    }

    /// Our server on this data folder. The windows are short, so that a session can confirm again soon.
    pub(crate) fn countersign(data: &Path, master: &MasterSecret) -> anyhow::Result<Self> {
        Self::serve(data, master, &["--listen", "127.0.0.1:0"])
    }

    /// The same, with a journal in this file.
    pub(crate) fn journaled(data: &Path, master: &MasterSecret, journal: &Path) -> anyhow::Result<Self> {
        let journal = journal.to_str().context("a path of text")?;
        Self::serve(data, master, &["--listen", "127.0.0.1:0", "--journal", journal])
    }

    /// One of several nodes on the world's database, with further flags.
    pub(crate) fn node(world: &World, flags: &[&str]) -> anyhow::Result<Self> {
        // Its first line ends with what all of them are called.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let (listen, origin) = (format!("127.0.0.1:{port}"), format!("http://localhost:{port}"));
        let own =
            ["--database", &world.database, "--issuer", ISSUER, "--listen", &listen, "--origins", &origin];
        let flags: Vec<_> = own.iter().chain(flags).copied().collect();
        Ok(Self { port, ..Self::serve(world.folder.path(), &world.master, &flags)? })
    }

    fn serve(data: &Path, master: &MasterSecret, flags: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(built("countersign")?);
        command
            .args(["serve", "--flight", "1s", "--grace", "3s", "--data"])
            .arg(data)
            .args(flags)
            .env("COUNTERSIGN_MASTER_SECRET", master.to_text().as_str());
        Self::start(&mut command)
    }

    /// The bare program on this data folder.
    pub(crate) fn bound(data: &Path) -> anyhow::Result<Self> {
        Self::start(Command::new(built("bound")?).arg(data.join("countersign.db")))
    }

    /// The memory that it holds, in MB.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?;
        Ok(kib.parse::<f64>()? * 1024.0 / 1e6)
    }

    /// The processor time that it has taken, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        cpu(self.program.0.id())
    }
}

/// The processor time that a process has taken, in seconds.
pub(crate) fn cpu(process: u32) -> anyhow::Result<f64> {
    let fields = stat(process)?;
    // Fields 14 and 15 of proc(5), in hundredths of a second.
    let ticks: f64 = fields.iter().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

/// The fields of `/proc/PID/stat` after the name, which may hold spaces: from the third on.
pub(crate) fn stat(process: u32) -> anyhow::Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("stat")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

impl Drop for Program {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}
