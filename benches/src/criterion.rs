//! The benchmarks inside the crates: run by cargo, and read from where criterion leaves its estimates.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::Effort;

/// Runs these benchmarks of a crate.
pub(crate) fn run(package: &str, benches: &[&str], effort: &Effort) -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["bench", "-q", "--all-features", "-p", package]);
    for bench in benches {
        cargo.args(["--bench", bench]);
    }
    cargo.arg("--");
    if effort.quick {
        cargo.arg("--quick");
    }
    ensure!(cargo.status()?.success(), "cargo bench failed");
    Ok(())
}

/// The median of a benchmark, in nanoseconds.
pub(crate) fn estimate(name: &str) -> anyhow::Result<f64> {
    let target = std::env::current_exe()?;
    let target = target.ancestors().nth(2).context("a program is in target/PROFILE")?;
    let path: PathBuf =
        [target, "criterion".as_ref(), name.as_ref(), "new/estimates.json".as_ref()].iter().collect();
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    let estimates: Value = serde_json::from_slice(&text)?;
    estimates.pointer("/median/point_estimate").and_then(Value::as_f64).context("a median")
}
