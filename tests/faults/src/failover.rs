//! Fail-overs under load, each to a standby that has heard nothing for a while.
//!
//! ```text
//! the link is held ── 2 s ──► refreshes go on, and are confirmed;   logouts wait for the standby, and get 503
//! the primary is killed ────► what was only confirmed is lost;      nothing that was answered is
//! ```

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::crowd::{Crowd, Habits, reached};
use crate::history::History;
use crate::judge::Findings;
use crate::node::{Node, Plan};

/// For how long the standby hears nothing.
const UNHEARD: Duration = Duration::from_secs(2);

/// What the fail-overs came to.
#[derive(Debug)]
pub struct Done {
    /// What the judge saw.
    pub findings: Findings,
    /// What the clients were told.
    pub history: Arc<History>,
    /// How often a confirmed token that was lost was taken up again, as far as the database remembers.
    pub adopted: i64,
}

/// So many fail-overs; any promise that is broken is an error. None where PostgreSQL is not installed.
pub async fn fail_overs(times: u64, habits: Habits, seed: u64) -> anyhow::Result<Option<Done>> {
    let Some(mut cluster) = Cluster::start(true).await? else { return Ok(None) };
    let folder = TempDir::new()?;
    let plan = Plan::default().variable("COUNTERSIGN_DATABASE", cluster.url());
    let node = Node::start(&folder.path().join("data"), plan).await?;
    let clients = habits.clients as u64;
    let mut crowd = Crowd::gather(node.port(), habits, seed).await?;
    let history = Arc::clone(&crowd.history);
    let disturbed = async {
        for time in 1..=times {
            let rotations = history.facts().rotations;
            let ends = history.facts().ends();
            reached(&history, rotations + clients / 2).await?;
            // What waited for the standby has its turn, on a slow machine too.
            while history.facts().ends() == ends {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            cluster.part();
            tokio::time::sleep(UNHEARD).await;
            cluster.fail_over().await?;
            history.facts().lost_power();
            cluster.heal().await?;
            let facts = history.facts();
            println!("fail-over {time}: {} rotations, {} answers", facts.rotations, facts.answers);
        }
        // Else nothing was lost that anybody could have noticed.
        cluster.primary().until("SELECT 1 FROM events WHERE kind = 'adopt'").await
    };
    crowd.go_on(0, disturbed).await.with_context(|| node.last_words())?;
    let history = Arc::clone(&crowd.history);
    let findings = crowd.conclude().await?;
    let rows = cluster.primary().rows("SELECT count(*) FROM events WHERE kind = 'adopt'").await?;
    Ok(Some(Done { findings, history, adopted: rows.first().map_or(0, |row| row.get(0)) }))
}
