//! Confirming refreshes on PostgreSQL: one node, a bare loop of the same two statements, and two nodes, in turns.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::Effort;
use crate::bare::Bare;
use crate::database::Database;
use crate::load::{self, Lane, Shown};
use crate::process::{self, Running};
use crate::refresh::verdicts;
use crate::report::{Section, median, spread};
use crate::world::World;

const CONNECTIONS: usize = 32;
/// The connections of each node: four for each of two cores, as OPERATING.md advises.
const POOL: &str = "8";
const WARM_UP: Duration = Duration::from_secs(1);
/// What the ratios must not be under.
const OF_BARE: f64 = 0.7;
const OF_ONE: f64 = 1.6;
/// From this part on the processors count as busy.
const BUSY: f64 = 0.9;

struct Scene {
    nodes: Vec<Running>,
    lanes: Vec<Lane>,
    /// After the nodes, which would complain.
    database: Database,
}

/// One turn.
#[derive(Default)]
struct Turn {
    rate: f64,
    /// In milliseconds; none of the bare loop.
    waits: Option<[f64; 2]>,
    /// Processor time in a second: of the nodes, of PostgreSQL, of what asks.
    cpu: [f64; 3],
}

impl Scene {
    /// Measures what answers how many requests in a second.
    fn turn(&self, ask: impl FnOnce() -> anyhow::Result<Turn>) -> anyhow::Result<Turn> {
        let (begin, before) = (Instant::now(), self.cpu()?);
        let mut turn = ask()?;
        let (took, after) = (begin.elapsed().as_secs_f64(), self.cpu()?);
        for ((cpu, after), before) in turn.cpu.iter_mut().zip(after).zip(before) {
            *cpu = (after - before) / took;
        }
        Ok(turn)
    }

    fn cpu(&self) -> anyhow::Result<[f64; 3]> {
        let nodes = self.nodes.iter().map(Running::cpu).sum::<anyhow::Result<f64>>()?;
        Ok([nodes, self.database.cpu()?, process::cpu(std::process::id())?])
    }

    /// Refreshes at the first so many nodes.
    fn nodes(&mut self, many: usize, time: Duration) -> anyhow::Result<Turn> {
        let lanes = std::mem::take(&mut self.lanes);
        let ports: Vec<_> = self.nodes.iter().take(many).map(|node| node.port).collect();
        let mut back = Vec::new();
        let turn = self.turn(|| {
            let (slice, lanes) = load::run(&ports, lanes, Shown::Newest, None, time)?;
            back = lanes;
            let waits = Some([0.5, 0.99].map(|part| f64::from(slice.wait(part))));
            Ok(Turn { rate: slice.rate, waits, ..Turn::default() })
        });
        self.lanes = back;
        turn
    }

    fn bare(&self, bare: &Bare, time: Duration) -> anyhow::Result<Turn> {
        self.turn(|| Ok(Turn { rate: bare.run(time)?, ..Turn::default() }))
    }
}

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    let (sessions, time, rounds) =
        if effort.quick { (60_000, Duration::from_secs(1), 2) } else { (120_000, Duration::from_secs(5), 5) };
    let database = Database::start()?;
    let mut world = World::on(&database.url, 2 * sessions)?;
    database.settle()?;
    let key = process::service_key(&world, "metrics")?;
    let nodes = (0..2).map(|_| Running::node(&world, &["--database-connections", POOL]));
    let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    let bare = Bare::new(&database.url, CONNECTIONS, &world.jars.split_off(sessions))?;
    let mut scene = Scene { database, nodes, lanes: load::lanes(world.jars, CONNECTIONS) };

    scene.nodes(2, WARM_UP)?;
    scene.bare(&bare, WARM_UP)?;
    let (mut ones, mut bares, mut twos) = (Vec::new(), Vec::new(), Vec::new());
    let before = counts(&scene, &key)?;
    for _ in 0..rounds {
        ones.push(scene.nodes(1, time)?);
        bares.push(scene.bare(&bare, time)?);
        twos.push(scene.nodes(2, time)?);
    }
    let after = counts(&scene, &key)?;
    let confirmed = (after.0 - before.0) / (after.1 - before.1);
    ensure!(confirmed > 0.999, "only {confirmed:.3} of the refreshes confirmed: more sessions are needed");
    Ok(section(&ones, &bares, &twos, sessions))
}

/// How many refreshes the nodes confirmed, and how many there were.
fn counts(scene: &Scene, key: &str) -> anyhow::Result<(f64, f64)> {
    let mut counts = (0.0, 0.0);
    for node in &scene.nodes {
        counts.0 += verdicts(node.port, key, "confirm")?;
        counts.1 += verdicts(node.port, key, "")?;
    }
    Ok(counts)
}

fn section(ones: &[Turn], bares: &[Turn], twos: &[Turn], sessions: usize) -> Section {
    let ratio = |some: &[Turn], others: &[Turn]| {
        let pairs = some.iter().zip(others).map(|(one, other)| one.rate / other.rate);
        median(&pairs.collect::<Vec<_>>())
    };
    let (of_bare, of_one) = (ratio(ones, bares), ratio(twos, ones));
    #[expect(clippy::cast_precision_loss, reason = "a number of cores")]
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let busy = cpu(ones).iter().sum::<f64>() / cores;
    let [nodes, database, asking] = cpu(ones).map(|cpu| cpu / cores * 100.0);
    let limit = if busy > BUSY {
        format!(
            "One node keeps this machine's {cores:.0} cores {:.0} % busy (PostgreSQL {database:.0}, the node {nodes:.0}, the load \
             {asking:.0}), so a second node on them can add nothing: the processors are the limit, and of all who share \
             them PostgreSQL takes {:.0} %.",
            busy * 100.0,
            database / busy
        )
    } else {
        format!("One node leaves {:.0} % of the processors idle.", (1.0 - busy) * 100.0)
    };
    Section {
        about: format!(
            "Refreshes over {CONNECTIONS} connections, {sessions} sessions, PostgreSQL and the load on the same machine, in turns. \
             The bare loop is `benches/src/bare.rs`: {CONNECTIONS} connections of `tokio-postgres` that do the same two statements, \
             as durable, without HTTP and signature; each node has {POOL}.\n\n**One node: {of_bare:.2} of the bare loop; two nodes: {of_one:.2} of \
             one.** {limit}"
        ),
        head: [
            "",
            "refreshes/s",
            "spread",
            "p50",
            "p99",
            "node's processor time",
            "PostgreSQL's",
            "the load's",
        ]
        .map(str::to_owned)
        .into(),
        rows: vec![row("one node", ones), row("the bare loop", bares), row("two nodes", twos)],
        targets: vec![
            (format!("one node at least {OF_BARE} of the bare loop"), of_bare >= OF_BARE),
            (
                format!("two nodes at least {OF_ONE} of one, or the processors are busy with one"),
                of_one >= OF_ONE || busy > BUSY,
            ),
        ],
    }
}

fn cpu(turns: &[Turn]) -> [f64; 3] {
    let of =
        |which: fn(&[f64; 3]) -> f64| median(&turns.iter().map(|turn| which(&turn.cpu)).collect::<Vec<_>>());
    [of(|cpu| cpu[0]), of(|cpu| cpu[1]), of(|cpu| cpu[2])]
}

fn row(name: &str, turns: &[Turn]) -> Vec<String> {
    let rates: Vec<_> = turns.iter().map(|turn| turn.rate).collect();
    let rate = median(&rates);
    let wait = |which: fn([f64; 2]) -> f64| {
        let waits: Vec<_> = turns.iter().filter_map(|turn| turn.waits.map(which)).collect();
        if waits.is_empty() { String::new() } else { format!("{:.2} ms", median(&waits)) }
    };
    let mut row = vec![
        name.to_owned(),
        format!("{rate:.0}"),
        format!("{:.0} %", spread(&rates)),
        wait(|waits| waits[0]),
        wait(|waits| waits[1]),
    ];
    row.extend(cpu(turns).map(|cpu| format!("{:.0} µs", cpu / rate * 1e6)));
    row
}
