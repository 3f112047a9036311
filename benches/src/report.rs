//! `docs/BENCHMARKS.md`: one section for each benchmark, replaced when it is measured anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;
use countersign_core::{Clock, SystemClock};

const DOCUMENT: &str = "docs/BENCHMARKS.md";

/// What a benchmark found.
#[derive(Default)]
pub(crate) struct Section {
    /// What was measured, in a sentence or two.
    pub(crate) about: String,
    /// A table: its head, and its rows.
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// What must hold: what it is, and whether it does.
    pub(crate) targets: Vec<(String, bool)>,
}

impl Section {
    pub(crate) fn text(&self, name: &str) -> String {
        let mut text = format!("## {name}\n\n{}\n\n", self.about);
        let mut row = |cells: &[String]| writeln!(text, "| {} |", cells.join(" | "));
        let lines = std::iter::once(&self.head).chain(&self.rows);
        for (at, cells) in lines.enumerate() {
            let _never = row(cells);
            if at == 0 {
                let _never = row(&vec!["---".to_owned(); cells.len()]);
            }
        }
        for (target, met) in &self.targets {
            let _never = write!(text, "\n- {}: {target}", if *met { "met" } else { "**missed**" });
        }
        let _never = writeln!(text, "\n\n`scripts/bench {name}`, {}.", circumstances());
        text
    }
}

/// When and where, and what else the machine was doing.
fn circumstances() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let now = countersign_server::rfc3339(SystemClock.now());
    let day = now.split('T').next().unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let memory = read("/proc/meminfo");
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let gib = memory.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() >> 20;
    format!("{day}, {cores} cores of {model}, {gib} GiB, load average {load} at the end")
}

/// Puts the section in its place: `order` is that of the document.
pub(crate) fn write(name: &str, section: &Section, order: &[&str]) -> anyhow::Result<()> {
    let old = fs::read_to_string(DOCUMENT).with_context(|| DOCUMENT.to_owned())?;
    fs::write(Path::new(DOCUMENT), replaced(&old, name, &section.text(name), order))?;
    Ok(())
}

/// The document with the section `name` as `text`; those that are not in `order` stay where they are.
fn replaced(old: &str, name: &str, text: &str, order: &[&str]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for line in old.lines() {
        if line.starts_with("## ") || parts.is_empty() {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    let place = |part: &str| {
        let title = part.lines().next().and_then(|line| line.strip_prefix("## "));
        title.and_then(|title| order.iter().position(|known| *known == title))
    };
    let wanted = order.iter().position(|known| *known == name);
    parts.retain(|part| place(part).is_none() || place(part) != wanted);
    let at = parts.iter().position(|part| place(part) > wanted).unwrap_or(parts.len());
    parts.insert(at, text.to_owned());
    let parts: Vec<_> = parts.iter().map(|part| part.trim_end()).collect();
    parts.join("\n\n") + "\n"
}

/// The number in the middle.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How far apart the least and the greatest are, in percent of the median.
pub(crate) fn spread(numbers: &[f64]) -> f64 {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = numbers.iter().copied().fold(0.0, f64::max);
    (greatest - least) / median(numbers) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_its_place_and_leaves_the_others_alone() {
        let order = ["first", "second"];
        let empty = "# Title\n\nWords.\n";
        let second = replaced(empty, "second", "## second\n\n2\n", &order);
        let both = replaced(&second, "first", "## first\n\n1\n", &order);
        assert_eq!(both, "# Title\n\nWords.\n\n## first\n\n1\n\n## second\n\n2\n");
        let again = replaced(&both, "first", "## first\n\nnew\n", &order);
        assert_eq!(again, "# Title\n\nWords.\n\n## first\n\nnew\n\n## second\n\n2\n");
        let foreign = format!("{again}\n## by hand\n\nkept\n");
        assert!(replaced(&foreign, "second", "## second\n\n3\n", &order).contains("kept"));
    }

    #[test]
    fn numbers_are_summed_up() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((spread(&[9.0, 10.0, 11.0]) - 20.0).abs() < 1e-9);
    }
}
