//! `kill -9` in the middle of the load.

use countersign_faults::crowd::reached;
use countersign_faults::node::{Node, Plan};
use tempfile::TempDir;

use crate::under_load;

const ROTATIONS: u64 = 100;
const KILLS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_but_by_waiting() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut node = Node::start(&folder.path().join("data"), Plan::default()).await?;
    under_load(&mut node, 1, ROTATIONS, async |node, history| {
        for kill in 1..=KILLS {
            reached(history, kill * ROTATIONS / (KILLS + 1)).await?;
            node.kill().await?;
            node.start_again().await?;
        }
        Ok(())
    })
    .await
}
