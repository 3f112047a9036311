//! The power goes: what nobody waited for may be gone, and what was answered as durable may not.

use std::sync::Arc;

use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::Plan;
use countersign_faults::shim::{Shim, Unsynced};
use tempfile::TempDir;

use crate::print;

/// Rotations from one to the next.
const APART: u64 = 30;
const CUTS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_heal_and_ends_stay() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let Some(shim) = Shim::new(folder.path(), &folder.path().join("data"))? else { return Ok(()) };
    let mut node = shim.start(Plan::default()).await?;
    let mut crowd = Crowd::gather(node.port(), Habits { leaves: 0.01, ..Habits::default() }, 2).await?;
    let history = Arc::clone(&crowd.history);
    let adopted = || -> anyhow::Result<usize> {
        let log = std::fs::read_to_string(shim.data().with_extension("log"))?;
        Ok(log.matches("adopted a refresh token").count())
    };
    crowd
        .go_on(0, async {
            // Until there was something to heal: a sync that comes along for somebody else may have kept everything.
            for cut in 1.. {
                reached(&history, cut * APART).await?;
                if cut > CUTS && adopted()? > 0 {
                    return Ok(());
                }
                node.kill().await?;
                shim.cut_power(if cut % 2 == 1 { Unsynced::Gone } else { Unsynced::Torn(cut) })?;
                history.facts().lost_power();
                node.start_again().await?;
            }
            Ok(())
        })
        .await?;
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    println!("{} tokens were adopted", adopted()?);
    Ok(())
}
