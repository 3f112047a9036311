//! `kill -9` in the middle of the load.

use std::sync::Arc;

use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{Node, Plan};
use tempfile::TempDir;

use crate::print;

const ROTATIONS: u64 = 100;
const KILLS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_but_by_waiting() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut node = Node::start(&folder.path().join("data"), Plan::default()).await?;
    let mut crowd = Crowd::gather(node.port(), Habits::default(), 1).await?;
    let history = Arc::clone(&crowd.history);
    crowd
        .go_on(ROTATIONS, async {
            for kill in 1..=KILLS {
                reached(&history, kill * ROTATIONS / (KILLS + 1)).await?;
                node.kill().await?;
                node.start_again().await?;
            }
            Ok(())
        })
        .await?;
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    Ok(())
}
