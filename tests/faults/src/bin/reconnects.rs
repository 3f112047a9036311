//! The long form of what happens when all verifiers come at once. `scripts/soak --listeners N` runs it.

use anyhow::{Context, bail};
use countersign_core::{Clock, SystemClock};
use countersign_faults::reconnects::reconnects;

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let (mut seed, mut listeners) = (SystemClock.now().as_millis(), 10_000);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number: u64 = words.next().with_context(|| format!("{word} needs a number"))?.parse()?;
        match word.as_str() {
            "--seed" => seed = number,
            "--listeners" => listeners = number,
            _ => bail!("usage: scripts/soak --listeners N [--seed N]"),
        }
    }
    println!("scripts/soak --listeners {listeners} --seed {seed}\n");
    println!(
        "| | served | told to come later | lost | refreshes | half within | 99 % within | the slowest |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for part in reconnects(usize::try_from(listeners)?, seed).await? {
        println!("{part}");
    }
    Ok(())
}
