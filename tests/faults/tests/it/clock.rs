//! The clock jumps three hours ahead, back, and behind: no session is lost, and no end undone.

use std::sync::Arc;

use anyhow::ensure;
use countersign_faults::client::Client;
use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{FLIGHT, GRACE, Plan};
use countersign_faults::shim::Shim;
use countersign_faults::wire::Wire;
use tempfile::TempDir;

use crate::print;

const HOURS: i64 = 3_600_000;
const APART: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_is_lost() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let Some(shim) = Shim::new(folder.path(), &folder.path().join("data"))? else { return Ok(()) };
    // Whoever was seen three hours behind is seen again three hours ahead: no session ends by that alone.
    let plan = Plan::default().flag("idle", "8h").flag("absolute", "24h");
    let mut node = shim.start(plan).await?;
    let mut crowd = Crowd::gather(node.port(), Habits::default(), 6).await?;
    let history = Arc::clone(&crowd.history);
    crowd
        .go_on(4 * APART, async {
            reached(&history, APART).await?;
            shim.set_clock(3 * HOURS)?;
            reached(&history, 2 * APART).await?;
            shim.set_clock(0)?;
            // Time stands still for whoever was seen three hours ahead: nothing can move on, and nobody is refused.
            quiet().await;
            shim.set_clock(-3 * HOURS)?;
            quiet().await;
            node.kill().await?;
            node.start_again().await?;
            quiet().await;
            shim.set_clock(3 * HOURS)?;
            Ok(())
        })
        .await?;
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    Ok(())
}

/// Long enough for everybody to refresh once.
async fn quiet() {
    tokio::time::sleep(GRACE).await;
}

/// What is on the deny-list is kept for as long as an access token can live. A clock that is ahead for a while must
/// not make that time pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_stays_one() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let Some(shim) = Shim::new(folder.path(), &folder.path().join("data"))? else { return Ok(()) };
    let mut node = shim.start(Plan::default().flag("idle", "8h")).await?;
    let mut random = fastrand::Rng::with_seed(10);
    let (history, wire) = (Arc::default(), Arc::new(Wire::new(node.port(), FLIGHT)));
    let ann = Client::sign_up(&wire, &history, &mut random).await?;
    ensure!(ann.show_access(&mut random).await? == 200);
    ann.log_out(0.0, &mut random).await?;
    for hours in [3, 0, -3, 0] {
        shim.set_clock(hours * HOURS)?;
        let bob = Client::sign_up(&wire, &history, &mut random).await?;
        bob.log_out(0.0, &mut random).await?;
        let status = ann.show_access(&mut random).await?;
        ensure!(status == 401, "{status} with a clock {hours} h off");
        // A start begins with a sweep.
        node.stop().await?;
        node.start_again().await?;
        let status = bob.show_access(&mut random).await?.min(ann.show_access(&mut random).await?);
        ensure!(status == 401, "{status} with a clock {hours} h off, after a restart");
    }
    Ok(())
}
