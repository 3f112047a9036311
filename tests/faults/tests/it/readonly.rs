//! The file system turns read-only, as Linux does with one that is damaged.

use std::sync::Arc;

use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::Plan;
use countersign_faults::shim::{Refusal, Shim};
use tempfile::TempDir;

use crate::{print, refused};

const APART: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_later_until_it_can_write_again() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let Some(shim) = Shim::new(folder.path(), &folder.path().join("data"))? else { return Ok(()) };
    let node = shim.start(Plan::default()).await?;
    let mut crowd = Crowd::gather(node.port(), Habits::default(), 5).await?;
    let history = Arc::clone(&crowd.history);
    crowd
        .go_on(3 * APART, async {
            reached(&history, APART).await?;
            shim.refuse(Some(Refusal::ReadOnly))?;
            refused(&history, 20).await?;
            shim.refuse(None)
        })
        .await?;
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    Ok(())
}
