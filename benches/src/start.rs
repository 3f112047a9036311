//! How soon the server answers, and what it takes to be there.

use std::fs;
use std::time::{Duration, Instant};

use countersign_server::seal::MasterSecret;
use tempfile::TempDir;

use crate::Effort;
use crate::load;
use crate::process::{Running, built};
use crate::report::{Section, median, spread};
use crate::world::World;

/// For how long the server is idle before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    let (sessions, times) = if effort.quick { (1_000, 3) } else { (100_000, 20) };
    let world = World::new(sessions)?;
    let mut again = Vec::new();
    let mut first = Vec::new();
    for _ in 0..times {
        again.push(first_answer(world.folder.path(), &world.master)?.1);
        first.push(first_answer(TempDir::new()?.path(), &world.master)?.1);
    }
    let (server, _) = first_answer(world.folder.path(), &world.master)?;
    std::thread::sleep(IDLE);
    let memory = server.resident()?;
    #[expect(clippy::cast_precision_loss, reason = "it is far from 2^52")]
    let binary = fs::metadata(built("countersign")?)?.len() as f64 / 1e6;
    let row = |what: &str, value: String, spread: String| vec![what.to_owned(), value, spread];
    let times = |what: &str, times: &[f64]| {
        row(what, format!("{:.0} ms", median(times)), format!("{:.0} %", spread(times)))
    };
    Ok(Section {
        about: format!(
            "From the start of the process to its first answer, over HTTP, {} times each; resident memory of the idle server; \
             size of the binary as it is shipped (profile `dist`).",
            again.len()
        ),
        head: ["", "median", "spread"].map(str::to_owned).into(),
        rows: vec![
            times(&format!("start to first answer, {sessions} sessions"), &again),
            times("the same in an empty folder: database and keys are made", &first),
            row("memory, idle", format!("{memory:.1} MB"), String::new()),
            row("binary", format!("{binary:.1} MB"), String::new()),
        ],
        targets: vec![
            ("first answer within 100 ms".to_owned(), median(&again) < 100.0),
            ("idle memory under 25 MB".to_owned(), memory < 25.0),
            ("binary under 25 MB".to_owned(), binary < 25.0),
        ],
    })
}

/// Starts the server, and asks it something; answers how many milliseconds that took.
fn first_answer(data: &std::path::Path, master: &MasterSecret) -> anyhow::Result<(Running, f64)> {
    let begin = Instant::now();
    let server = Running::countersign(data, master)?;
    load::fetch(server.port, "/.well-known/jwks.json", "")?;
    Ok((server, begin.elapsed().as_secs_f64() * 1000.0))
}
