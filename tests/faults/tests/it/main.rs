//! Each fault in a short form; `scripts/soak` is the long one.

mod clock;
mod cut;
mod database;
mod down;
mod failover;
mod files;
mod full;
mod kill;
mod listeners;
mod nodes;
mod power;
mod readonly;
mod restarts;
mod upgrade;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use countersign_faults::crowd::{Crowd, Habits};
use countersign_faults::history::History;
use countersign_faults::judge::Findings;
use countersign_faults::node::Node;

/// A crowd of this seed on a server, what happens to that in the meantime, and at least so many rotations; then what
/// the judge says.
async fn under_load(
    node: &mut Node,
    seed: u64,
    rotations: u64,
    meanwhile: impl AsyncFnOnce(&mut Node, &History) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut crowd = Crowd::gather(node.port(), Habits::default(), seed).await?;
    let history = Arc::clone(&crowd.history);
    crowd.go_on(rotations, meanwhile(node, &history)).await?;
    let findings = crowd.conclude().await?;
    print(&history, &findings);
    Ok(())
}

fn print(history: &History, findings: &Findings) {
    let facts = history.facts();
    println!(
        "{} rotations, {} answers, {} lost, {} unavailable, {} races; {} sessions, {} logouts, {} replays noticed",
        facts.rotations,
        facts.answers,
        facts.lost,
        facts.unavailable,
        facts.races,
        findings.sessions,
        findings.logouts,
        findings.replays,
    );
}

/// Waits until so many more requests were told to come back later.
async fn refused(history: &History, more: u64) -> anyhow::Result<()> {
    let before = history.facts().unavailable;
    let refused = async {
        while history.facts().unavailable < before + more {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), refused).await.context("nobody is told to come back later")
}
