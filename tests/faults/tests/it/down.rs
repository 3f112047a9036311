//! While the database is away nothing is promised, what needs no database goes on, and all is well again by itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign_core::{Clock, SystemClock};
use countersign_faults::client::Client;
use countersign_faults::cluster::{Cluster, Postgres};
use countersign_faults::gateway::Gateway;
use countersign_faults::history::History;
use countersign_faults::node::{Node, Plan};
use countersign_faults::proxy::{Proxy, Way};
use countersign_faults::wire::{Reply, Wire};
use serde_json::{Value, json};
use tempfile::TempDir;

/// No answer at all within this time is a hang, on whatever machine.
const HANG: Duration = Duration::from_secs(30);

/// How a database goes away.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Paused,
    /// Nothing comes through, and nothing says so.
    Parted,
    /// Every connection is cut.
    Cut,
}

/// A node on a database, with a gateway that listens to it.
struct Place {
    postgres: Postgres,
    proxy: Proxy,
    _folder: TempDir,
    node: Node,
    gateway: Gateway,
    wire: Wire,
}

impl Place {
    async fn new() -> anyhow::Result<Option<Self>> {
        let Some(postgres) = Postgres::start().await? else { return Ok(None) };
        let proxy = Proxy::to(postgres.port).await?;
        let folder = TempDir::new()?;
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port);
        let plan = Plan::default().variable("COUNTERSIGN_DATABASE", url);
        let node = Node::start(&folder.path().join("data"), plan).await?;
        let gateway = Gateway::start(&node).await?;
        let wire = Wire::new(node.port(), HANG);
        Ok(Some(Self { postgres, proxy, _folder: folder, node, gateway, wire }))
    }

    async fn signed_up(&self, seed: u64) -> anyhow::Result<Client> {
        let wire = Arc::new(Wire::new(self.node.port(), HANG));
        Client::sign_up(&wire, &Arc::<History>::default(), &mut fastrand::Rng::with_seed(seed)).await
    }

    async fn begin(&self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Killed => self.postgres.kill().await?,
            Fault::Paused => self.postgres.pause().await?,
            Fault::Parted => self.proxy.set(Way::Held),
            Fault::Cut => self.proxy.set(Way::Shut),
        }
        Ok(())
    }

    async fn mend(&self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Killed => self.postgres.again().await?,
            Fault::Paused => self.postgres.resume().await?,
            Fault::Parted | Fault::Cut => self.proxy.set(Way::Open),
        }
        Ok(())
    }

    async fn refresh(&self, client: &Client) -> anyhow::Result<Reply> {
        client.ask(&self.wire, "POST", "/auth/refresh", &json!({})).await.ok().context("a refresh hangs")
    }

    async fn log_out(&self, client: &Client) -> anyhow::Result<Reply> {
        client.ask(&self.wire, "POST", "/auth/logout", &json!({})).await.ok().context("a logout hangs")
    }

    /// Refreshes until that is answered so; how long it took.
    async fn until(&self, client: &Client, status: u16) -> anyhow::Result<Duration> {
        let begun = SystemClock.now();
        loop {
            let took = SystemClock.now().since(begun);
            if self.refresh(client).await?.status == status {
                return Ok(took);
            }
            ensure!(took < HANG, "no refresh is answered by {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn code(reply: &Reply) -> Option<&str> {
    reply.body.pointer("/error/code").and_then(Value::as_str)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_promised_and_verification_goes_on() -> anyhow::Result<()> {
    let Some(place) = Place::new().await? else { return Ok(()) };
    let (ann, bob) = (place.signed_up(1).await?, place.signed_up(2).await?);
    place.gateway.until(&ann, 200).await?;
    for fault in [Fault::Killed, Fault::Paused, Fault::Parted, Fault::Cut] {
        place.begin(fault).await?;
        place.until(&ann, 503).await?;
        let mut longest = Duration::ZERO;
        for what in ["refresh", "login", "logout"] {
            let begun = SystemClock.now();
            let reply = match what {
                "refresh" => place.refresh(&ann).await?,
                "login" => ann.ask_to_log_in(&place.wire).await.ok().context("a log-in hangs")?,
                _ => place.log_out(&bob).await?,
            };
            longest = longest.max(SystemClock.now().since(begun));
            ensure!(reply.status == 503 && reply.retry_after.is_some(), "{fault:?}: {what}: {reply:?}");
            ensure!(code(&reply) == Some("UNAVAILABLE"), "{fault:?}: {what}: {reply:?}");
        }
        ensure!(place.gateway.verdict(&ann).await == Some(200), "{fault:?}: verification goes on");
        place.mend(fault).await?;
        let again = place.until(&ann, 200).await?;
        println!("{fault:?}: answered within {longest:?}, well again after {again:?}");
    }
    // Whether one of those logouts was carried out, nobody knows; this one is.
    ensure!(place.log_out(&bob).await?.status == 200);
    ensure!(code(&place.refresh(&bob).await?) == Some("SESSION_ENDED"));
    place.gateway.until(&bob, 401).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_by_mistake_is_refused_and_named() -> anyhow::Result<()> {
    let Some(cluster) = Cluster::start(false).await? else { return Ok(()) };
    let folder = TempDir::new()?;
    let plan = |url: String| Plan::default().variable("COUNTERSIGN_DATABASE", url);
    let refused = Node::start(&folder.path().join("refused"), plan(cluster.url_of_standby())).await;
    let refused = refused.err().context("a node starts on a standby")?.to_string();
    ensure!(refused.contains("standby"), "{refused}");

    // One that finds a standby, while it runs, where the other was.
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", cluster.front().port);
    let node = Node::start(&folder.path().join("data"), plan(url)).await?;
    let wire = Arc::new(Wire::new(node.port(), HANG));
    let ann = Client::sign_up(&wire, &Arc::default(), &mut fastrand::Rng::with_seed(1)).await?;
    let until = async |status: u16| {
        let asking = async {
            while !matches!(ann.ask(&wire, "GET", "/health/ready", &json!({})).await, Ok(reply) if reply.status == status)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(HANG, asking).await.with_context(|| format!("it is never ready by {status}"))
    };
    until(200).await?;
    let front = cluster.front();
    front.lead_to(cluster.standby().port);
    front.cut();
    until(503).await?;
    let reply = ann.ask(&wire, "POST", "/auth/logout", &json!({})).await.ok().context("a logout hangs")?;
    ensure!(reply.status == 503, "{reply:?}");
    ensure!(node.last_words().contains("standby"), "{}", node.last_words());
    front.lead_to(cluster.primary().port);
    until(200).await
}
