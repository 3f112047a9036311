//! HAProxy before several nodes, by the very configuration of docs/proxies.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const PROGRAM: &str = "/usr/sbin/haproxy";
/// The ports of the document, in the order of the nodes.
const NODES: [u16; 3] = [4000, 4100, 4200];
const SOON: Duration = Duration::from_mins(1);

/// A balancer. Ended when dropped.
#[derive(Debug)]
pub struct Balancer {
    _folder: TempDir,
    _running: Child,
}

impl Balancer {
    /// Starts one on `port`, before the nodes on these ports. None, with a word, where HAProxy is not installed; but
    /// the build server has it.
    #[expect(clippy::disallowed_methods, reason = "whether this is the build server, the environment says")]
    pub async fn start(port: u16, nodes: [u16; 3]) -> anyhow::Result<Option<Self>> {
        if !PathBuf::from(PROGRAM).is_file() {
            ensure!(std::env::var("CI").is_err(), "there is no {PROGRAM}");
            println!("skipped: there is no {PROGRAM}");
            return Ok(None);
        }
        let document = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/proxies/haproxy-nodes.cfg");
        let mut text = std::fs::read_to_string(document)?;
        for (from, to) in NODES.iter().zip(nodes).chain([(&8000, port)]) {
            text = text.replace(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{to}"));
        }
        let folder = TempDir::new()?;
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text)?;
        let running = Command::new(PROGRAM)
            .arg("-db")
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let listens = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, listens).await.context("HAProxy does not start")?;
        Ok(Some(Self { _folder: folder, _running: running }))
    }
}

/// Ports that nobody listens on.
pub fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    // All held until all are known, so that none comes twice.
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}
