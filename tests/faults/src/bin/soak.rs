//! The long form: random rotations, races, lost answers, kills, restarts and power cuts, until there were enough. `scripts/soak` runs it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use countersign_core::{Clock, SystemClock};
use countersign_faults::crowd::{Crowd, Habits, reached};
use countersign_faults::node::{Node, Plan};
use countersign_faults::report::{Report, write};
use countersign_faults::shim::{Shim, Unsynced};
use tempfile::TempDir;

struct Wanted {
    seed: u64,
    rotations: u64,
    /// `kill -9`; then restarts by `SIGTERM`; then power cuts.
    faults: [u64; 3],
    clients: u64,
    /// In milliseconds.
    flight: u64,
    /// Whether the result goes into the document.
    keep: bool,
}

#[derive(Debug, Clone, Copy)]
enum Blow {
    Kill,
    Restart,
    Cut,
}

fn main() -> anyhow::Result<()> {
    let wanted = wanted()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&wanted))
}

fn wanted() -> anyhow::Result<Wanted> {
    let seed = SystemClock.now().as_millis();
    let mut wanted = Wanted {
        seed,
        rotations: 1_000_000,
        faults: [200, 0, 0],
        clients: 2_000,
        flight: 1_000,
        keep: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let [kills, restarts, cuts] = &mut wanted.faults;
        let number = match word.as_str() {
            "--keep" => {
                wanted.keep = true;
                continue;
            }
            "--seed" => &mut wanted.seed,
            "--rotations" => &mut wanted.rotations,
            "--kills" => kills,
            "--restarts" => restarts,
            "--power-cuts" => cuts,
            "--clients" => &mut wanted.clients,
            "--flight-ms" => &mut wanted.flight,
            _ => bail!("there is no {word}; the flags are those in scripts/soak"),
        };
        *number = words.next().with_context(|| format!("{word} needs a number"))?.parse()?;
    }
    Ok(wanted)
}

async fn run(wanted: &Wanted) -> anyhow::Result<()> {
    let Wanted { seed, rotations, faults: [kills, restarts, cuts], clients, flight, .. } = *wanted;
    let counts = [("rotations", rotations), ("kills", kills), ("restarts", restarts), ("power-cuts", cuts)];
    let mut command = format!("scripts/soak --seed {seed} --clients {clients} --flight-ms {flight}");
    for (what, count) in counts.iter().filter(|(what, count)| *count > 0 || *what == "kills") {
        let _never = write!(command, " --{what} {count}");
    }
    println!("{command}");

    let begun = SystemClock.now();
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = TempDir::new()?;
    let data = folder.path().join("data");
    let flight = Duration::from_millis(flight);
    let plan = Plan { flight: Some(flight), ..Plan::default() }.flag("access-ttl", "1h").flag("idle", "6h");
    let shim = if cuts > 0 { Shim::new(folder.path(), &data)? } else { None };
    let mut node = match &shim {
        Some(shim) => shim.start(plan).await?,
        None => Node::start(&data, plan).await?,
    };
    let clients = usize::try_from(clients)?;
    let habits = Habits { clients, lost: 0.1, races: 0.01, leaves: 0.003, thefts: 0.003 };
    let mut crowd = Crowd::gather_with(node.port(), habits, seed, flight).await?;
    println!("{clients} clients have signed up");

    let kinds = [(Blow::Kill, kills), (Blow::Restart, restarts), (Blow::Cut, cuts)];
    let mut blows: Vec<_> = kinds.iter().flat_map(|(blow, count)| (0..*count).map(|_| *blow)).collect();
    random.shuffle(&mut blows);
    let apart = rotations / (blows.len() as u64 + 1);
    let history = Arc::clone(&crowd.history);
    crowd
        .go_on(rotations, async {
            for (n, blow) in (1..).zip(blows) {
                reached(&history, n * apart).await?;
                match (blow, &shim) {
                    (Blow::Restart, _) => node.stop().await?,
                    (Blow::Cut, Some(shim)) => {
                        node.kill().await?;
                        let torn = Unsynced::Torn(random.u64(..));
                        shim.cut_power(if random.bool() { torn } else { Unsynced::Gone })?;
                        history.facts().lost_power();
                    }
                    (Blow::Kill | Blow::Cut, _) => node.kill().await?,
                }
                node.start_again().await?;
                let facts = history.facts();
                let at = SystemClock.now().since(begun).as_secs();
                println!(
                    "{n}: {blow:?} after {at} s: {} rotations, {} answers, {} without",
                    facts.rotations, facts.answers, facts.lost
                );
            }
            Ok(())
        })
        .await?;
    println!("every session and account is looked at");
    let findings = match crowd.conclude().await {
        Ok(findings) => findings,
        Err(error) => {
            node.kill().await?;
            // Its events and its log say what the server thought.
            println!("the server's folder stays: {}", folder.keep().display());
            return Err(error);
        }
    };
    node.stop().await?;

    let words = [(kills, "`kill -9`"), (restarts, "restarts"), (cuts, "power cuts")];
    let words: Vec<_> = words.iter().filter(|(count, _)| *count > 0).collect();
    let title = words.iter().map(|(_, what)| *what).collect::<Vec<_>>().join(", ");
    let disturbed =
        words.iter().map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ");
    let report = Report {
        title: format!("SQLite: rotations, races, lost answers, {title}"),
        command,
        begun,
        disturbed: format!("Under that load: {disturbed}"),
    };
    let text = report.text(&history.facts(), &findings);
    println!("\n{text}");
    if wanted.keep { write(&report.title, &text) } else { Ok(()) }
}
