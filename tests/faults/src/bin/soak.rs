//! The long form: random rotations, races, lost answers and kills, until there were enough. `scripts/soak` runs it.

use std::sync::Arc;

use anyhow::{Context, bail};
use countersign_core::{Clock, SystemClock};
use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{Node, Plan};
use countersign_faults::report::{Report, write};
use tempfile::TempDir;

const TITLE: &str = "SQLite: rotations, races, lost answers and `kill -9`";

struct Wanted {
    seed: u64,
    rotations: u64,
    kills: u64,
    clients: usize,
    /// Whether the result goes into the document.
    keep: bool,
}

fn main() -> anyhow::Result<()> {
    let wanted = wanted()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&wanted))
}

fn wanted() -> anyhow::Result<Wanted> {
    let mut wanted = Wanted {
        seed: SystemClock.now().as_millis(),
        rotations: 1_000_000,
        kills: 200,
        clients: 2_000,
        keep: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--keep" {
            wanted.keep = true;
            continue;
        }
        let number = words.next().with_context(|| format!("{word} needs a number"))?.parse()?;
        match word.as_str() {
            "--seed" => wanted.seed = number,
            "--rotations" => wanted.rotations = number,
            "--kills" => wanted.kills = number,
            "--clients" => wanted.clients = usize::try_from(number)?,
            _ => bail!("usage: scripts/soak [--seed N] [--rotations N] [--kills N] [--clients N] [--keep]"),
        }
    }
    Ok(wanted)
}

async fn run(wanted: &Wanted) -> anyhow::Result<()> {
    let Wanted { seed, rotations, kills, clients, .. } = *wanted;
    let command =
        format!("scripts/soak --seed {seed} --rotations {rotations} --kills {kills} --clients {clients}");
    println!("{command}");
    let begun = SystemClock.now();
    let folder = TempDir::new()?;
    let mut node = Node::start(&folder.path().join("data"), Plan::default().flag("access-ttl", "1h")).await?;
    let habits = Habits { clients, lost: 0.1, races: 0.01, leaves: 0.003, thefts: 0.003 };
    let mut crowd = Crowd::gather(node.port(), habits, seed).await?;
    println!("{clients} clients have signed up");
    let history = Arc::clone(&crowd.history);
    crowd
        .go_on(rotations, async {
            for kill in 1..=kills {
                reached(&history, kill * rotations / (kills + 1)).await?;
                node.kill().await?;
                node.start_again().await?;
                let facts = history.facts();
                println!(
                    "kill {kill}: {} rotations, {} answers, {} lost",
                    facts.rotations, facts.answers, facts.lost
                );
            }
            Ok(())
        })
        .await?;
    println!("every session and account is looked at");
    let findings = crowd.conclude().await?;
    node.stop().await?;
    let disturbed =
        format!("{kills} times the server was killed (`kill -9`) under that load and started again");
    let report = Report { title: TITLE.to_owned(), command, begun, disturbed };
    let text = report.text(&history.facts(), &findings);
    println!("\n{text}");
    if wanted.keep { write(TITLE, &text) } else { Ok(()) }
}
