//! Three nodes behind HAProxy: one is killed, and all are replaced by a version with a newer schema.

use std::ffi::OsString;
use std::sync::Arc;

use anyhow::{Context, ensure};
use countersign_faults::balancer::{Balancer, free_ports};
use countersign_faults::cluster::Postgres;
use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{Node, Plan};
use tempfile::TempDir;

const CLIENTS: usize = 18;
/// The same on every node.
const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The version after this one: it has one more migration.
pub(crate) fn next() -> OsString {
    env!("CARGO_BIN_EXE_next").into()
}

/// The number of the schema, and the lowest that a version must know to work on it.
async fn schema(postgres: &Postgres) -> anyhow::Result<(i64, i64)> {
    let number = async |key| {
        let rows = postgres.rows(&format!("SELECT number FROM meta WHERE key = '{key}'")).await?;
        anyhow::Ok(rows.first().context("a database of ours")?.get(0))
    };
    Ok((number("schema_version").await?, number("min_version").await?))
}

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
    let [first, second, third] = &mut nodes[..] else { unreachable!() };
    let before = schema(&postgres).await?;
    let disturbed = async {
        load().await?;
        first.kill().await?;
        load().await?;
        first.start_again().await?;
        load().await?;

        // A rolling upgrade, over a migration. Two of the next version start at once, and both want to migrate.
        for node in [&mut *first, &mut *second] {
            node.stop().await?;
            node.become_version(Some(next()));
        }
        tokio::try_join!(first.start_again(), second.start_again())?;
        ensure!(schema(&postgres).await? == (before.0 + 1, before.1));
        load().await?;
        // One of the older version can still be started on the newer schema.
        third.kill().await?;
        third.start_again().await?;
        load().await?;
        third.stop().await?;
        third.become_version(Some(next()));
        third.start_again().await?;
        load().await
    };
    crowd.go_on(0, disturbed).await?;
    let findings = crowd.conclude().await?;
    crate::print(&history, &findings);
    Ok(())
}
