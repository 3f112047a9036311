//! What a long run says in the end, and its place in docs/FAULTS.md.

use std::fmt::Write as _;
use std::fs;

use anyhow::Context;
use countersign_core::{Clock, SystemClock, Timestamp};

use crate::history::Facts;
use crate::judge::Findings;

const DOCUMENT: &str = "docs/FAULTS.md";

/// One run.
#[derive(Debug)]
pub struct Report {
    /// What it is called, and so its section.
    pub title: String,
    /// The command that repeats it.
    pub command: String,
    /// When it began.
    pub begun: Timestamp,
    /// What else it did to the server, in words.
    pub disturbed: String,
}

impl Report {
    /// The section: what was run, what came of it, and where.
    pub fn text(&self, facts: &Facts, findings: &Findings) -> String {
        let now = SystemClock.now();
        let took = now.since(self.begun).as_secs();
        let mut text = format!("### {}\n\n`{}`\n\n| | |\n|---|---|\n", self.title, self.command);
        let rows = [
            ("rotations", facts.rotations),
            ("answers that arrived", facts.answers),
            (
                "requests without an answer: cut, given up, refused by a port where nobody listened",
                facts.lost,
            ),
            ("answers that said to come back later", facts.unavailable),
            ("races of 64 requests with one token", facts.races),
            ("sessions", findings.sessions as u64),
            ("logouts that were answered, and stayed", findings.logouts as u64),
            ("replays that had to be noticed, and were", findings.replays as u64),
            ("promises broken", findings.faults.len() as u64),
        ];
        for (what, count) in rows {
            let _never = writeln!(text, "| {what} | {} |", grouped(count));
        }
        let _never = writeln!(text, "\n{}. It took {took} s: {}.", self.disturbed, circumstances(now));
        text
    }
}

/// Puts the section in the place of the one that was there, or at the end.
pub fn write(title: &str, text: &str) -> anyhow::Result<()> {
    let old = fs::read_to_string(DOCUMENT).with_context(|| DOCUMENT.to_owned())?;
    Ok(fs::write(DOCUMENT, replaced(&old, title, text))?)
}

fn replaced(old: &str, title: &str, text: &str) -> String {
    let heading = format!("### {title}\n");
    let (before, rest) = old.split_once(&heading).unwrap_or((old, ""));
    let after = ["\n### ", "\n## "].iter().filter_map(|next| rest.find(next)).min();
    let after = after.and_then(|at| rest.get(at..)).unwrap_or_default();
    format!("{}\n\n{}\n{after}", before.trim_end(), text.trim_end())
}

fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// When and where, and what else the machine was doing.
fn circumstances(now: Timestamp) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let moment = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let day = jiff::Timestamp::from_millisecond(moment).unwrap_or_default().strftime("%F");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let build = if cfg!(debug_assertions) { "debug build, " } else { "" };
    format!("{day}, {build}{cores} cores of {model}, load average {load} at the end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_the_old_one() {
        let once = replaced("# T\n\nWords.\n", "One", "### One\n\n1\n");
        assert_eq!(once, "# T\n\nWords.\n\n### One\n\n1\n");
        let both = replaced(&once, "Two", "### Two\n\n2\n");
        let again = replaced(&both, "One", "### One\n\nnew\n");
        assert_eq!(again, "# T\n\nWords.\n\n### One\n\nnew\n\n### Two\n\n2\n");
    }

    #[test]
    fn numbers_are_as_people_write_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
