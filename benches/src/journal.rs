//! Logouts, with the journal and without: what a second file costs that is on disk before the answer.

use anyhow::Context;
use tempfile::TempDir;

use crate::Effort;
use crate::load::{self, Slice};
use crate::process::Running;
use crate::report::{Section, median, spread};
use crate::world::{Jar, World};

/// Connections at once, and how many log out over them in a slice.
const LOADS: [(usize, usize); 2] = [(1, 300), (32, 3_000)];

/// A server, and the sessions that are still to be left.
struct Side {
    name: &'static str,
    server: Running,
    jars: Vec<Jar>,
    slices: Vec<Slice>,
}

impl Side {
    fn measure(&mut self, connections: usize, logouts: usize) -> anyhow::Result<()> {
        let rest = self.jars.len().checked_sub(logouts).context("enough sessions")?;
        let jars = self.jars.split_off(rest);
        self.slices.push(load::leave(self.server.port, jars, connections)?);
        Ok(())
    }

    fn rates(&self) -> Vec<f64> {
        self.slices.iter().map(|slice| slice.rate).collect()
    }

    fn row(&self, connections: usize) -> Vec<String> {
        let waits = |part| self.slices.iter().map(|slice| f64::from(slice.wait(part))).collect::<Vec<_>>();
        vec![
            format!("{}, {connections} at once", self.name),
            format!("{:.0}", median(&self.rates())),
            format!("{:.0} %", spread(&self.rates())),
            format!("{:.2} ms", median(&waits(0.5))),
            format!("{:.2} ms", median(&waits(0.99))),
        ]
    }
}

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    let rounds = if effort.quick { 1 } else { 7 };
    let sessions = LOADS.iter().map(|(_, logouts)| (rounds + 1) * logouts).sum();
    let world = World::new(sessions)?;
    let (copy, disk) = (world.copy()?, TempDir::new()?);
    let side = |name, server| Side { name, server, jars: world.jars.clone(), slices: Vec::new() };
    let mut sides = [
        side("without", Running::countersign(world.folder.path(), &world.master)?),
        side("with", Running::journaled(copy.path(), &world.master, &disk.path().join("journal"))?),
    ];
    let (mut rows, mut parts) = (Vec::new(), Vec::new());
    for (connections, logouts) in LOADS {
        // The first one warms up.
        for round in 0..=rounds {
            for side in &mut sides {
                side.measure(connections, logouts)?;
                if round == 0 {
                    side.slices.clear();
                }
            }
        }
        let [without, with] = &sides;
        let pairs: Vec<_> =
            with.rates().iter().zip(without.rates()).map(|(with, without)| with / without).collect();
        parts.push(format!(
            "{:.2} with {connections} at once (pairs differ by {:.0} %)",
            median(&pairs),
            spread(&pairs)
        ));
        rows.extend(sides.iter().map(|side| side.row(connections)));
        for side in &mut sides {
            side.slices.clear();
        }
    }
    Ok(Section {
        about: format!(
            "Logouts without a pause, at a server with `journal` and at one without, in turns, both files on one disk. Each commit that \
             ends something waits for the disk once more; how many logouts share it, grows with the load. Refreshes and sign-ins write \
             no line, but for a sign-in over a session, which ends that.\n\n**Logouts a second with the journal, as a part of those \
             without: {}.**",
            parts.join("; ")
        ),
        head: ["", "logouts/s", "spread", "p50", "p99"].map(str::to_owned).into(),
        rows,
        targets: Vec::new(),
    })
}
