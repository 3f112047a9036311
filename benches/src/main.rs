//! Measures the release build, as a program and from outside, beside bare programs that do the same work.
//!
//! ```text
//! scripts/bench NAME ──► builds ──► this ──► countersign serve, bound, cargo bench
//!                                      └───► docs/BENCHMARKS.md, the section NAME
//! ```
//!
//! A further benchmark is a module with `run` that answers a [`report::Section`], and a line in [`BENCHES`].

#![expect(
    clippy::disallowed_methods,
    reason = "to measure is to read the clock, and the environment says where the programs are"
)]

mod bare;
mod core;
mod criterion;
mod database;
mod fill;
mod journal;
mod load;
mod logout;
mod nodes;
mod postgres;
mod process;
mod refresh;
mod report;
mod sessions;
mod start;
mod verify;
mod world;

use anyhow::bail;

use report::Section;

/// How long to measure.
pub(crate) struct Effort {
    /// Enough to see that it works, and nothing to write down.
    pub(crate) quick: bool,
}

type Bench = fn(&Effort) -> anyhow::Result<Section>;

/// In the order of the document.
const BENCHES: [(&str, Bench); 9] = [
    ("refresh", refresh::run),
    ("sessions", sessions::run),
    ("logout", logout::run),
    ("journal", journal::run),
    ("nodes", nodes::run),
    ("postgres", postgres::run),
    ("start", start::run),
    ("core", core::run),
    ("verify", verify::run),
];

fn main() -> anyhow::Result<()> {
    let (flags, mut names): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|arg| arg.starts_with('-'));
    if flags.iter().any(|flag| flag != "--quick")
        || names.iter().any(|name| BENCHES.iter().all(|(known, _)| known != name))
    {
        bail!("usage: scripts/bench [--quick] [{}]…", BENCHES.map(|(name, _)| name).join("|"));
    }
    let effort = Effort { quick: !flags.is_empty() };
    if names.is_empty() {
        names = BENCHES.map(|(name, _)| name.to_owned()).into();
    }
    for (name, bench) in BENCHES {
        if names.iter().any(|wanted| wanted == name) {
            let section = bench(&effort)?;
            println!("{}", section.text(name));
            if !effort.quick {
                report::write(name, &section, &BENCHES.map(|(name, _)| name))?;
            }
        }
    }
    Ok(())
}
