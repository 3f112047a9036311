//! Logouts at one node, and how soon after the answer a verifier that follows another node refuses.

use std::time::Duration;

use crate::Effort;
use crate::database::Database;
use crate::logout::{Scene, at};
use crate::process::{self, ISSUER, Running};
use crate::report::Section;
use crate::world::World;

const CONNECTIONS: usize = 4;
/// How often on each: no multiple of the time after which a node looks.
const EVERY: Duration = Duration::from_millis(37);

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    let (each, rounds) = if effort.quick { (150, 1) } else { (1_000, 3) };
    let ways = [("NOTIFY", "on", 100.0), ("looking", "off", 200.0)];
    let database = Database::start()?;
    let world = World::on(&database.url, each * rounds * ways.len())?;
    database.settle()?;
    let key = process::service_key(&world, "revocations")?;
    let mut waits = ways.map(|_| Vec::new());
    let mut jars = world.jars.chunks(each);
    for _ in 0..rounds {
        for ((_, listen, _), waits) in ways.iter().zip(&mut waits) {
            let flags = ["--database-listen", listen];
            let (a, b) = (Running::node(&world, &flags)?, Running::node(&world, &flags)?);
            let scene = Scene {
                issuer: ISSUER.to_owned(),
                left: a.port,
                followed: b.port,
                verifiers: 1,
                connections: CONNECTIONS,
                every: EVERY,
            };
            waits.extend(scene.measure(jars.next().unwrap_or_default(), &key)?.0);
        }
    }
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    for ((way, _, most), waits) in ways.into_iter().zip(&mut waits) {
        waits.sort_by(f32::total_cmp);
        let parts = [0.5, 0.99, 1.0].map(|part| at(waits, part));
        let name = std::iter::once(format!("logout to refusal, {way}"));
        rows.push(name.chain(parts.map(|wait| format!("{wait:.1} ms"))).collect());
        targets.push((format!("{way}: worst under {most} ms"), f64::from(parts[2]) < most));
    }
    Ok(Section {
        about: format!(
            "Two nodes on one PostgreSQL. {} logouts for each way at the one node, about {} a second, in turns of {each}; \
             from the answer of each to the refusal by a verifier that follows the other node.",
            each * rounds,
            CONNECTIONS * 1000 / usize::try_from(EVERY.as_millis())?,
        ),
        head: ["", "p50", "p99", "worst"].map(str::to_owned).into(),
        rows,
        targets,
    })
}
