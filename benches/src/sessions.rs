//! Refreshes among ten million sessions, beside the same among ten thousand, in turns.

use std::fs;
use std::time::Duration;

use anyhow::ensure;

use crate::Effort;
use crate::load::{self, Lane, Shown};
use crate::process::{self, Running};
use crate::refresh::verdicts;
use crate::report::{Section, median, spread};
use crate::world::World;

const CONNECTIONS: usize = 16;
/// How often on each: so rarely that the few sessions can confirm each time, and nobody waits for another.
const EVERY: Duration = Duration::from_millis(8);
const FEW: usize = 10_000;
/// Sessions that are refreshed among the many: each about once.
const REFRESHED: usize = 40_000;
const WARM_UP: Duration = Duration::from_secs(1);
const MOST_TIMES: f64 = 1.5;
const MOST_MEGABYTES: f64 = 200.0;

struct Side {
    world: World,
    server: Running,
    key: String,
    lanes: Vec<Lane>,
    /// p50 and p99 of each turn, in milliseconds.
    waits: Vec<[f64; 2]>,
}

impl Side {
    fn new(mut world: World) -> anyhow::Result<Self> {
        let key = process::service_key(&world, "metrics")?;
        let server = Running::countersign(world.folder.path(), &world.master)?;
        let lanes = load::lanes(std::mem::take(&mut world.jars), CONNECTIONS);
        Ok(Self { world, server, key, lanes, waits: Vec::new() })
    }

    fn turn(&mut self, time: Duration) -> anyhow::Result<()> {
        let lanes = std::mem::take(&mut self.lanes);
        let (slice, lanes) = load::run(&[self.server.port], lanes, Shown::Newest, Some(EVERY), time)?;
        self.lanes = lanes;
        self.waits.push([0.5, 0.99].map(|part| f64::from(slice.wait(part))));
        Ok(())
    }

    fn ensure_confirmed(&self) -> anyhow::Result<()> {
        let count = |word| verdicts(self.server.port, &self.key, word);
        let confirmed = count("confirm")? / count("")?;
        ensure!(confirmed > 0.999, "only {confirmed:.3} of the refreshes confirmed");
        Ok(())
    }

    fn p50(&self) -> Vec<f64> {
        self.waits.iter().map(|waits| waits[0]).collect()
    }

    fn row(&self, sessions: usize) -> anyhow::Result<Vec<String>> {
        let p99: Vec<_> = self.waits.iter().map(|waits| waits[1]).collect();
        #[expect(clippy::cast_precision_loss, reason = "it is far from 2^52")]
        let size = fs::metadata(self.world.folder.path().join("countersign.db"))?.len() as f64 / 1e6;
        Ok(vec![
            format!("{sessions} sessions"),
            format!("{:.3} ms", median(&self.p50())),
            format!("{:.0} %", spread(&self.p50())),
            format!("{:.2} ms", median(&p99)),
            format!("{:.0} MB", self.server.resident()?),
            format!("{size:.0} MB"),
        ])
    }
}

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    let (many, time, rounds) = if effort.quick {
        (200_000, Duration::from_secs(2), 2)
    } else {
        (10_000_000, Duration::from_secs(4), 5)
    };
    let mut large = Side::new(World::among(many - REFRESHED, REFRESHED)?)?;
    let mut small = Side::new(World::new(FEW)?)?;
    for side in [&mut large, &mut small] {
        side.turn(WARM_UP)?;
        side.waits.clear();
    }
    for _ in 0..rounds {
        small.turn(time)?;
        large.turn(time)?;
    }
    small.ensure_confirmed()?;
    large.ensure_confirmed()?;
    let times: Vec<_> = large.p50().iter().zip(small.p50()).map(|(large, small)| large / small).collect();
    let (times, memory) = (median(&times), large.server.resident()?);
    Ok(Section {
        about: format!(
            "Confirming refreshes on SQLite, {} a second over {CONNECTIONS} connections, in turns. {REFRESHED} of the many are \
             refreshed, each about once, and lie anywhere among the others, which a program wrote straight into the \
             tables.\n\n**The p50 among the many is {times:.2} times that among the few.**",
            CONNECTIONS * 1000 / usize::try_from(EVERY.as_millis())?,
        ),
        head: ["", "p50", "spread", "p99", "memory of the server", "database"].map(str::to_owned).into(),
        rows: vec![small.row(FEW)?, large.row(many)?],
        targets: vec![
            (format!("p50 at most {MOST_TIMES} times that among the few"), times <= MOST_TIMES),
            (format!("memory under {MOST_MEGABYTES} MB"), memory < MOST_MEGABYTES),
        ],
    })
}
