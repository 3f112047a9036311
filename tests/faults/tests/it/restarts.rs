//! Restarts as an operator makes them, under load; and a server that is held still.

use countersign_faults::crowd::reached;
use countersign_faults::node::{FLIGHT, Node, Plan};
use tempfile::TempDir;

use crate::under_load;

const RESTARTS: u64 = 6;
const APART: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_ends_well_and_nobody_notices_but_by_waiting() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut node = Node::start(&folder.path().join("data"), Plan::default()).await?;
    under_load(&mut node, 8, RESTARTS * APART, async |node, history| {
        for restart in 1..=RESTARTS {
            reached(history, restart * APART).await?;
            node.stop().await?;
            node.start_again().await?;
        }
        Ok(())
    })
    .await
}

/// Longer than the flight time: everybody gives up and asks again, and the questions of before are answered late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_held_still_goes_on() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut node = Node::start(&folder.path().join("data"), Plan::default()).await?;
    under_load(&mut node, 9, 4 * APART, async |node, history| {
        for time in 1..=2 {
            reached(history, time * APART).await?;
            node.pause(true)?;
            tokio::time::sleep(2 * FLIGHT).await;
            node.pause(false)?;
        }
        Ok(())
    })
    .await
}
