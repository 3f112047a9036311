//! A verifier in a process of its own: `countersign gateway`, which is asked who sends a request.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::node::{Node, binary};
use crate::wire::Wire;

/// Much longer than a start takes, so that a hang is a failure.
const SOON: Duration = Duration::from_mins(1);

/// A gateway of one node. Killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    wire: Arc<Wire>,
    _running: Child,
}

impl Gateway {
    /// Starts one that listens to this node.
    pub async fn start(node: &Node) -> anyhow::Result<Self> {
        let made = node
            .command(&["keys", "service", "add", "--scope", "revocations", "--name", "gateway", "--json"])
            .await?;
        let made: Value = serde_json::from_str(&made)?;
        let key = made.get("key").and_then(Value::as_str).context("a key was made")?;
        let mut running = Command::new(binary()?)
            .args(["gateway", "--listen", "127.0.0.1:0", "--issuer"])
            .arg(format!("http://localhost:{}", node.port()))
            .env("COUNTERSIGN_GATEWAY_SERVICE_KEY", key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut said = BufReader::new(running.stdout.take().context("its output is piped")?).lines();
        let port = async {
            while let Some(line) = said.next_line().await? {
                if let Some((_, port)) = line.split_once("ready: ").and_then(|(_, url)| url.rsplit_once(':'))
                {
                    return Ok(port.trim_end_matches('/').parse()?);
                }
            }
            anyhow::bail!("the gateway does not start")
        };
        let port = tokio::time::timeout(SOON, port).await.context("the gateway never starts")??;
        Ok(Self { wire: Arc::new(Wire::new(port, SOON)), _running: running })
    }

    /// What it says to a request with the client's access token.
    pub async fn verdict(&self, client: &Client) -> Option<u16> {
        let reply = client.ask(&self.wire, "GET", "/auth/verify", &json!({})).await;
        reply.ok().map(|reply| reply.status)
    }

    /// Waits until it says so.
    pub async fn until(&self, client: &Client, status: u16) -> anyhow::Result<()> {
        let asking = async {
            let mut look = tokio::time::interval(Duration::from_millis(20));
            while self.verdict(client).await != Some(status) {
                look.tick().await;
            }
        };
        tokio::time::timeout(SOON, asking).await.with_context(|| format!("the gateway never says {status}"))
    }
}
