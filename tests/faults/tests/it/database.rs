//! The database fails in every way while clients refresh, race, leave and sign in again.

use std::sync::Arc;
use std::time::Duration;

use countersign_faults::cluster::Postgres;
use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{Node, Plan};
use countersign_faults::proxy::{Proxy, Way};
use tempfile::TempDir;

/// Longer than a node waits for the database.
const AWAY: Duration = Duration::from_secs(2);
const CLIENTS: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_but_by_waiting() -> anyhow::Result<()> {
    let Some(postgres) = Postgres::start().await? else { return Ok(()) };
    let proxy = Proxy::to(postgres.port).await?;
    let folder = TempDir::new()?;
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", proxy.port);
    let plan = Plan::default().variable("COUNTERSIGN_DATABASE", url);
    let node = Node::start(&folder.path().join("data"), plan).await?;
    let habits = Habits { clients: CLIENTS, leaves: 0.1, ..Habits::default() };
    let mut crowd = Crowd::gather(node.port(), habits, 1).await?;
    let history = Arc::clone(&crowd.history);
    let load = async || {
        let rotations = history.facts().rotations;
        reached(&history, rotations + CLIENTS as u64 / 3).await
    };
    let disturbed = async {
        load().await?;
        postgres.kill().await?;
        postgres.again().await?;
        // What need not be on disk may not be.
        history.facts().lost_power();
        load().await?;
        postgres.pause().await?;
        tokio::time::sleep(AWAY).await;
        postgres.resume().await?;
        for way in [Way::Slow(Duration::from_millis(40)), Way::Half, Way::Held, Way::Shut] {
            load().await?;
            proxy.set(way);
            tokio::time::sleep(AWAY / 2).await;
            proxy.set(Way::Open);
        }
        load().await
    };
    crowd.go_on(0, disturbed).await?;
    println!("{:?}", crowd.conclude().await?);
    Ok(())
}
