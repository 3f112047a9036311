//! The embedded database over a migration: taken beside the running server, and an older version on the newer schema.

use std::sync::Arc;

use anyhow::ensure;
use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{Node, Plan};
use tempfile::TempDir;

use crate::nodes::next;
use crate::print;

const APART: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_neighbouring_versions_work_on_one_schema() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let mut node = Node::start(&folder.path().join("data"), Plan::default()).await?;
    let habits = Habits { leaves: 0.1, ..Habits::default() };
    let mut crowd = Crowd::gather(node.port(), habits, 17).await?;
    let history = Arc::clone(&crowd.history);
    let disturbed = async {
        reached(&history, APART).await?;
        let before = version(&node.command(&["migrate"]).await?)?;
        let after = version(&node.command_of(Some(next()), &["migrate"]).await?)?;
        ensure!(after == before + 1, "{before}, and then {after}");
        // The older version goes on, and can be stopped and started.
        reached(&history, 2 * APART).await?;
        node.stop().await?;
        node.start_again().await?;
        reached(&history, 3 * APART).await?;
        // There and back.
        for program in [Some(next()), None] {
            node.stop().await?;
            node.become_version(program);
            node.start_again().await?;
            let rotations = history.facts().rotations;
            reached(&history, rotations + APART).await?;
        }
        Ok(())
    };
    crowd.go_on(0, disturbed).await?;
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    Ok(())
}

/// Of "FILE: schema version N".
fn version(said: &str) -> anyhow::Result<u32> {
    Ok(said.trim_end().rsplit(' ').next().unwrap_or_default().parse()?)
}
