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

use std::time::Duration;

use anyhow::Context;
use countersign_faults::history::History;
use countersign_faults::judge::Findings;

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
