//! The long form of the fail-overs. `scripts/soak --failovers N` runs it.

use anyhow::{Context, bail};
use countersign_core::{Clock, SystemClock};
use countersign_faults::crowd::Habits;
use countersign_faults::failover::fail_overs;

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let (mut seed, mut times, mut clients) = (SystemClock.now().as_millis(), 100, 100);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number: u64 = words.next().with_context(|| format!("{word} needs a number"))?.parse()?;
        match word.as_str() {
            "--seed" => seed = number,
            "--failovers" => times = number,
            "--clients" => clients = number,
            _ => bail!("usage: scripts/soak --failovers N [--seed N] [--clients N]"),
        }
    }
    println!("scripts/soak --failovers {times} --seed {seed} --clients {clients}");
    let habits =
        Habits { clients: usize::try_from(clients)?, lost: 0.1, races: 0.01, leaves: 0.1, thefts: 0.02 };
    let done = fail_overs(times, habits, seed).await?.context("PostgreSQL is not installed")?;
    let facts = done.history.facts();
    println!(
        "{} rotations, {} answers, {} lost, {} told to come later, {} races",
        facts.rotations, facts.answers, facts.lost, facts.unavailable, facts.races
    );
    println!("{:?}, {} adopted", done.findings, done.adopted);
    Ok(())
}
