//! Three nodes behind HAProxy: one is killed, and all are replaced one after the other.

use std::ffi::OsString;
use std::sync::Arc;

use countersign_faults::balancer::{Balancer, free_ports};
use countersign_faults::cluster::Postgres;
use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{Node, Plan};
use tempfile::TempDir;

const CLIENTS: usize = 18;
/// The same on every node.
const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The version that is replaced: another build, or the same one.
#[expect(clippy::disallowed_methods, reason = "which program is tried, the environment says")]
fn older() -> Option<OsString> {
    std::env::var_os("COUNTERSIGN_OLD_BIN")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_may_be_killed_and_all_be_replaced() -> anyhow::Result<()> {
    let Some(postgres) = Postgres::start().await? else { return Ok(()) };
    let [port, one, two, three] = free_ports()?;
    let folder = TempDir::new()?;
    let mut plan = Plan::default()
        .variable("COUNTERSIGN_DATABASE", postgres.url())
        .variable("COUNTERSIGN_MASTER_SECRET", SECRET)
        .flag("issuer", &format!("http://localhost:{port}"));
    plan.program = older();
    let mut nodes = Vec::new();
    for port in [one, two, three] {
        nodes.push(Node::start_at(&folder.path().join(port.to_string()), port, plan.clone()).await?);
    }
    let Some(_balancer) = Balancer::start(port, [one, two, three]).await? else { return Ok(()) };
    let habits = Habits { clients: CLIENTS, leaves: 0.1, ..Habits::default() };
    let mut crowd = Crowd::gather(port, habits, 1).await?;
    let history = Arc::clone(&crowd.history);
    let load = async || {
        let rotations = history.facts().rotations;
        reached(&history, rotations + CLIENTS as u64 / 2).await
    };
    let disturbed = async {
        load().await?;
        for node in nodes.iter_mut().take(1) {
            node.kill().await?;
            load().await?;
            node.start_again().await?;
        }
        // A rolling upgrade: each ends well, and comes back as the version of today.
        for node in &mut nodes {
            load().await?;
            node.stop().await?;
            node.become_current();
            node.start_again().await?;
        }
        load().await
    };
    crowd.go_on(0, disturbed).await?;
    let findings = crowd.conclude().await?;
    crate::print(&history, &findings);
    Ok(())
}
