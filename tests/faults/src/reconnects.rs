//! All verifiers come at once, and people refresh meanwhile: what a restart, or a network that was cut, leads to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tempfile::TempDir;

use crate::listeners::{Counts, Listeners};
use crate::node::{Node, Plan};
use crate::steady::Steady;

/// How many streams a server has, by "Limits" in docs/PROTOCOL.md.
const STREAMS: usize = 5_000;
/// The flight time that servers have by themselves.
const FLIGHT: Duration = Duration::from_secs(8);
/// How many people there are, and how many answers they get in each part at least.
const PEOPLE: usize = 12;
const ANSWERS: u64 = 60;

/// What a part of a run came to.
#[derive(Debug)]
pub struct Part {
    what: &'static str,
    took: Duration,
    served: u64,
    turned_away: u64,
    lost: u64,
    refreshes: Vec<Duration>,
}

/// So many verifiers come, hang up and come again, wait for room, and come after a crash; every refresh meanwhile must
/// be answered, and as many verifiers be served as there is room for.
pub async fn reconnects(many: usize, seed: u64) -> anyhow::Result<Vec<Part>> {
    allow_files(many as u64 + 1_000)?;
    let folder = TempDir::new()?;
    let plan = Plan { flight: Some(FLIGHT), ..Plan::default() };
    let mut node = Node::start(&folder.path().join("data"), plan).await?;
    let key = node
        .command(&["keys", "service", "add", "--scope", "revocations", "--name", "all", "--json"])
        .await?;
    let key: Value = serde_json::from_str(&key)?;
    let key = key.get("key").and_then(Value::as_str).context("a key")?;
    let port = node.port();
    let room = many.min(STREAMS);
    let mut parts = Vec::new();

    let steady = Steady::begin(PEOPLE, port, FLIGHT, seed).await?;
    let before = Before::of(&Arc::default());
    steady.more(ANSWERS).await?;
    parts.push(before.until_now("nobody listens", steady).await?);

    let steady = Steady::begin(PEOPLE, port, FLIGHT, seed + 1).await?;
    let listeners = Listeners::come(many, port, key, seed);
    let before = Before::of(&listeners.counts);
    before.served(room, many, &listeners).await?;
    parts.push(before.until_now("all come at once", steady).await?);

    let steady = Steady::begin(PEOPLE, port, FLIGHT, seed + 2).await?;
    let before = Before::of(&listeners.counts);
    listeners.come_again();
    before.served(room, many, &listeners).await?;
    parts.push(before.until_now("all hang up, and come back at once", steady).await?);

    if many > room {
        let steady = Steady::begin(PEOPLE, port, FLIGHT, seed + 3).await?;
        let before = Before::of(&listeners.counts);
        // Some of those who are served are among those who leave, and some who were not are among those who stay.
        listeners.leave_but(room);
        let left = (many - room) as u64;
        listeners.served(room, |counts| counts.gone.load(Ordering::Relaxed) == left).await?;
        parts.push(before.until_now("those whom there is no room for leave", steady).await?);
    }

    node.kill().await?;
    listeners.served(0, |_| true).await?;
    node.start_again().await?;
    let before = Before::of(&listeners.counts);
    let steady = Steady::begin(PEOPLE, port, FLIGHT, seed + 4).await?;
    before.served(room, room, &listeners).await?;
    parts.push(before.until_now("after a crash", steady).await?);
    node.stop().await?;
    Ok(parts)
}

/// Where a part began.
struct Before {
    at: Instant,
    counts: Arc<Counts>,
    begun: u64,
    turned_away: u64,
    lost: u64,
}

impl Before {
    fn of(counts: &Arc<Counts>) -> Self {
        Self {
            at: now(),
            begun: counts.begun.load(Ordering::Relaxed),
            turned_away: counts.turned_away.load(Ordering::Relaxed),
            lost: counts.lost.load(Ordering::Relaxed),
            counts: Arc::clone(counts),
        }
    }

    /// Waits until so many are served, all of them anew; of all who come, the others have been told to come later, again
    /// and again.
    async fn served(&self, many: usize, all: usize, listeners: &Listeners) -> anyhow::Result<()> {
        let others = 2 * (all - many) as u64;
        let come_to = |counts: &Counts| {
            counts.begun.load(Ordering::Relaxed) >= self.begun + many as u64
                && counts.turned_away.load(Ordering::Relaxed) >= self.turned_away + others
        };
        listeners.served(many, come_to).await
    }

    async fn until_now(self, what: &'static str, steady: Steady) -> anyhow::Result<Part> {
        let took = self.at.elapsed();
        steady.more(ANSWERS).await?;
        let refreshes = steady.end().await.with_context(|| what.to_owned())?;
        Ok(Part {
            what,
            took,
            served: self.counts.served.load(Ordering::Relaxed),
            turned_away: self.counts.turned_away.load(Ordering::Relaxed) - self.turned_away,
            lost: self.counts.lost.load(Ordering::Relaxed) - self.lost,
            refreshes,
        })
    }
}

impl fmt::Display for Part {
    /// A row of a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, took, served, turned_away, lost, refreshes } = self;
        let at = |percent: usize| {
            let place = (refreshes.len() * percent / 100).min(refreshes.len().saturating_sub(1));
            refreshes.get(place).map_or(0.0, |took| took.as_secs_f64() * 1_000.0)
        };
        write!(
            f,
            "| {what} | {served} after {:.1} s | {turned_away} | {lost} | {} | {:.1} ms | {:.0} ms | {:.0} ms |",
            took.as_secs_f64(),
            refreshes.len(),
            at(50),
            at(99),
            at(100),
        )
    }
}

/// Lets this process, and the server that it starts, have so many files open.
fn allow_files(wanted: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    ensure!(most >= wanted, "this takes {wanted} open files, and the machine allows {most}: ulimit -Hn");
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "to measure is to read the clock")]
fn now() -> Instant {
    Instant::now()
}
