//! People whose every refresh must be answered, whatever else comes to the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::task::JoinSet;

use crate::client::{Client, Outcome};
use crate::history::History;
use crate::wire::{Fate, Wire};

/// Between two refreshes of one of them.
const PAUSE: Duration = Duration::from_millis(20);

/// For how long they may wait before a run is given up.
const STALLED: Duration = Duration::from_mins(3);

/// Some people who refresh all the time.
#[derive(Debug)]
pub struct Steady {
    answered: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    tasks: JoinSet<anyhow::Result<Vec<Duration>>>,
}

impl Steady {
    /// So many sign up at the server on this port. Each second one makes a new connection for each refresh.
    pub async fn begin(many: usize, port: u16, limit: Duration, seed: u64) -> anyhow::Result<Self> {
        let history = Arc::<History>::default();
        let mut random = fastrand::Rng::with_seed(seed);
        let (answered, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let mut tasks = JoinSet::new();
        for number in 0..many {
            let wire = if number % 2 == 0 { Wire::new(port, limit) } else { Wire::anew(port, limit) };
            let client = Client::sign_up(&Arc::new(wire), &history, &mut random).await?;
            tasks.spawn(refreshes(client, Arc::clone(&answered), Arc::clone(&over)));
        }
        Ok(Self { answered, over, tasks })
    }

    /// Waits until so many more were answered.
    pub async fn more(&self, answers: u64) -> anyhow::Result<()> {
        let before = self.answered.load(Ordering::Relaxed);
        let waiting = async {
            while self.answered.load(Ordering::Relaxed) < before + answers {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(STALLED, waiting).await.context("refreshes are not answered any more")
    }

    /// Ends it, and all log out; how long each refresh took, the shortest first. One that was not answered is an error.
    pub async fn end(mut self) -> anyhow::Result<Vec<Duration>> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(done) = self.tasks.join_next().await {
            all.extend(done??);
        }
        all.sort_unstable();
        Ok(all)
    }
}

async fn refreshes(
    mut client: Client,
    answered: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let begun = now();
        match client.refresh(Fate::Whole).await? {
            Outcome::Refreshed(_) => took.push(begun.elapsed()),
            other => bail!("refresh {} was not answered as it must be: {other:?}", took.len() + 1),
        }
        answered.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
    // Who listens next has something to be told.
    ensure!(client.ask_to_log_out(Fate::Whole).await?, "a logout was not answered");
    Ok(took)
}

#[expect(clippy::disallowed_methods, reason = "to measure is to read the clock")]
fn now() -> Instant {
    Instant::now()
}
