//! Confirming refreshes: our server beside the bare program, in turns, so that what the machine does besides
//! is done to both.

use std::time::Duration;

use anyhow::ensure;

use crate::Effort;
use crate::load::{self, Lane, Shown, Slice};
use crate::process::{self, Running};
use crate::report::{Section, median, spread};
use crate::world::World;

const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(1);
/// How many sessions are asked to repeat; each of them is in memory.
const REPEATING: usize = 1_000;
/// What the ratio must not be under.
const TARGET: f64 = 0.6;

/// One of the two servers, the browsers that use it, and what came of it.
struct Side {
    server: Running,
    confirming: Vec<Lane>,
    repeating: Vec<Lane>,
    confirms: Vec<Measured>,
    repeats: Vec<Measured>,
}

struct Measured {
    slice: Slice,
    /// Processor time of the server for each answer, in microseconds.
    cpu: f64,
}

impl Side {
    fn measure(&mut self, shown: Shown, time: Duration) -> anyhow::Result<()> {
        let (lanes, into) = match shown {
            Shown::Newest => (&mut self.confirming, &mut self.confirms),
            Shown::Same => (&mut self.repeating, &mut self.repeats),
        };
        let before = self.server.cpu()?;
        let (slice, back) = load::run(&[self.server.port], std::mem::take(lanes), shown, None, time)?;
        *lanes = back;
        #[expect(clippy::cast_precision_loss, reason = "it is far from 2^52")]
        let cpu = (self.server.cpu()? - before) / slice.answers as f64 * 1e6;
        into.push(Measured { slice, cpu });
        Ok(())
    }

    fn row(name: &str, measured: &[Measured]) -> Vec<String> {
        let rates = rates(measured);
        let waits = |part| measured.iter().map(|one| f64::from(one.slice.wait(part))).collect::<Vec<_>>();
        let cpu: Vec<_> = measured.iter().map(|one| one.cpu).collect();
        vec![
            name.to_owned(),
            format!("{:.0}", median(&rates)),
            format!("{:.0} %", spread(&rates)),
            format!("{:.2} ms", median(&waits(0.5))),
            format!("{:.2} ms", median(&waits(0.99))),
            format!("{:.0} µs", median(&cpu)),
        ]
    }
}

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    let (sessions, time, rounds) = if effort.quick {
        (100_000, Duration::from_secs(2), 2)
    } else {
        (100_000, Duration::from_secs(8), 5)
    };
    let mut world = World::new(sessions + REPEATING)?;
    let copy = world.copy()?;
    let key = process::service_key(&world, "metrics")?;
    let side = |server: Running, world: &World| {
        let jars = |from: usize, to: usize| world.jars.get(from..to).unwrap_or_default().to_vec();
        let confirming = load::lanes(jars(REPEATING, world.jars.len()), CONNECTIONS);
        let repeating = load::lanes(jars(0, REPEATING), CONNECTIONS);
        Side { server, confirming, repeating, confirms: Vec::new(), repeats: Vec::new() }
    };
    let mut ours = side(Running::countersign(world.folder.path(), &world.master)?, &world);
    let mut bound = side(Running::bound(copy.path())?, &world);
    world.jars.clear();

    for side in [&mut ours, &mut bound] {
        for shown in [Shown::Newest, Shown::Same] {
            side.measure(shown, WARM_UP)?;
        }
        side.confirms.clear();
        side.repeats.clear();
    }
    let count = |word: &str| verdicts(ours.server.port, &key, word);
    let (confirms, all) = (count("confirm")?, count("")?);
    for _ in 0..rounds {
        ours.measure(Shown::Newest, time)?;
        bound.measure(Shown::Newest, time)?;
    }
    let count = |word: &str| verdicts(ours.server.port, &key, word);
    let confirmed = (count("confirm")? - confirms) / (count("")? - all);
    ensure!(confirmed > 0.999, "only {confirmed:.3} of the refreshes confirmed: more sessions are needed");
    for _ in 0..rounds {
        ours.measure(Shown::Same, time / 2)?;
        bound.measure(Shown::Same, time / 2)?;
    }
    section(&ours, &bound, sessions)
}

fn section(ours: &Side, bound: &Side, sessions: usize) -> anyhow::Result<Section> {
    let ratio = |ours: &[Measured], bound: &[Measured]| {
        let pairs: Vec<_> = rates(ours).iter().zip(rates(bound)).map(|(ours, bound)| ours / bound).collect();
        (median(&pairs), spread(&pairs))
    };
    let (confirms, apart) = ratio(&ours.confirms, &bound.confirms);
    let (repeats, _) = ratio(&ours.repeats, &bound.repeats);
    Ok(Section {
        about: format!(
            "Refreshes over {CONNECTIONS} connections, {sessions} sessions, ours and the bound in turns, the load on the same \
             machine. The bound is `benches/src/bin/bound.rs`: a bare axum and rusqlite program with the same statements and \
             signature. A confirming refresh is one read, one write, one ES256 signature; a repeat writes nothing.\n\n\
             **Confirming: {confirms:.2} of the bound** (pairs differ by {apart:.0} %); repeats: {repeats:.2}. \
             Our server holds {:.0} MB after the load.",
            ours.server.resident()?
        ),
        head: ["", "answers/s", "spread", "p50", "p99", "server's processor time"].map(str::to_owned).into(),
        rows: vec![
            Side::row("countersign, confirming", &ours.confirms),
            Side::row("the bound, confirming", &bound.confirms),
            Side::row("countersign, repeats", &ours.repeats),
            Side::row("the bound, repeats", &bound.repeats),
        ],
        targets: vec![(format!("confirming refreshes at least {TARGET} of the bound"), confirms >= TARGET)],
    })
}

fn rates(measured: &[Measured]) -> Vec<f64> {
    measured.iter().map(|one| one.slice.rate).collect()
}

/// How many refreshes had this verdict; all of them for an empty word.
pub(crate) fn verdicts(port: u16, key: &str, word: &str) -> anyhow::Result<f64> {
    let text = load::fetch(port, "/metrics", key)?;
    let lines = text.lines().filter(|line| line.starts_with("countersign_refresh_total{"));
    let of_word = lines.filter(|line| line.contains(&format!("verdict=\"{word}")));
    Ok(of_word.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
