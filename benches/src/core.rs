//! What a token and a verdict cost.

use crate::Effort;
use crate::criterion::{self, estimate};
use crate::report::Section;

const ALGORITHMS: [&str; 4] = ["ES256", "EdDSA", "RS256", "HS256"];

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    criterion::run("countersign-core", &["token", "judge"], effort)?;
    let mut rows = Vec::new();
    let mut targets = Vec::new();
    for algorithm in ALGORITHMS {
        for deed in ["sign", "verify"] {
            let (bare, ours) =
                (estimate(&format!("{algorithm}/{deed}, bare"))?, estimate(&format!("{algorithm}/{deed}"))?);
            let ratio = bare / ours;
            rows.push(vec![
                format!("{deed}, {algorithm}"),
                format!("{:.2} µs", bare / 1000.0),
                format!("{:.2} µs", ours / 1000.0),
                format!("{ratio:.2}"),
            ]);
            // For HS256 the signature itself is so quick that only base64 and JSON are left to compare.
            if algorithm != "HS256" {
                targets.push((format!("{deed}, {algorithm}: within 5 % of bare"), ratio >= 0.95));
            }
        }
    }
    for (what, name) in [("a verdict, confirm", "judge_confirm"), ("a verdict, repeat", "judge_repeat")] {
        let nanos = estimate(name)?;
        rows.push(vec![what.to_owned(), String::new(), format!("{nanos:.0} ns"), String::new()]);
        targets.push((format!("{what}: under 200 ns"), nanos < 200.0));
    }
    Ok(Section {
        about: "One token of 530 bytes of claims on one core. Bare is the same signature by aws-lc-rs with a parsed key, \
                base64 and derived JSON by hand, without any check; medians."
            .to_owned(),
        head: ["", "bare", "ours", "bare ÷ ours"].map(str::to_owned).into(),
        rows,
        targets,
    })
}
