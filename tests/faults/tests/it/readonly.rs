//! The file system turns read-only, as Linux does with one that is damaged.

use countersign_faults::crowd::reached;
use countersign_faults::node::Plan;
use countersign_faults::shim::{Refusal, Shim};
use tempfile::TempDir;

use crate::{refused, under_load};

const APART: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_later_until_it_can_write_again() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let Some(shim) = Shim::new(folder.path(), &folder.path().join("data"))? else { return Ok(()) };
    let mut node = shim.start(Plan::default()).await?;
    under_load(&mut node, 5, 3 * APART, async |_, history| {
        reached(history, APART).await?;
        shim.refuse(Some(Refusal::ReadOnly))?;
        refused(history, 20).await?;
        shim.refuse(None)
    })
    .await
}
