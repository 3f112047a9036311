//! What a request costs an API that checks it.

use crate::Effort;
use crate::criterion::{self, estimate};
use crate::report::Section;

pub(crate) fn run(effort: &Effort) -> anyhow::Result<Section> {
    criterion::run("countersign-verifier", &["verify"], effort)?;
    let mut rows = Vec::new();
    let mut targets = Vec::new();
    let mut row = |what: String, beside: String, ours: String, ratio: String| {
        rows.push(vec![what, beside, ours, ratio]);
    };
    let micros = |nanos: f64| format!("{:.2} µs", nanos / 1000.0);
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let group = format!("first sight, {algorithm}");
        let bare = estimate(&format!("{group}/the public-key operation alone"))?;
        let ours = estimate(&format!("{group}/verify"))?;
        targets.push((format!("{group}: within 5 % of the bare operation"), bare / ours >= 0.95));
        row(group, micros(bare), micros(ours), format!("{:.2}", bare / ours));
    }
    for (what, name) in [
        ("seen before, among 100,000 living tokens", "seen before/among 100,000 living"),
        ("the same, with a million entries denied", "seen before/and a million denied"),
    ] {
        let ours = estimate(name)?;
        targets.push((format!("{what}: under 2 µs"), ours < 2_000.0));
        row(what.to_owned(), String::new(), micros(ours), String::new());
    }
    for what in ["an id that is not there", "an id that is there"] {
        let ours = estimate(&format!("a million entries/{what}"))?;
        targets.push((format!("deny-list of a million, {what}: under 100 ns"), ours < 100.0));
        row(format!("deny-list of a million, {what}"), String::new(), format!("{ours:.0} ns"), String::new());
    }
    let snapshot = estimate("a million entries/the snapshot, from the connection to the first answer")?;
    targets.push(("a million entries loaded in under 1 s".to_owned(), snapshot < 1e9));
    row(
        "a million entries, from the connection to the first answer".to_owned(),
        String::new(),
        format!("{:.2} s", snapshot / 1e9),
        String::new(),
    );
    let (bare, ours) = (estimate("endpoint/bare")?, estimate("endpoint/with the layer")?);
    targets
        .push(("an endpoint with the layer: at least 90 % of the bare one".to_owned(), bare / ours >= 0.9));
    row(
        "800 requests to an endpoint of axum, client included".to_owned(),
        format!("{:.1} ms", bare / 1e6),
        format!("{:.1} ms", ours / 1e6),
        format!("{:.2}", bare / ours),
    );
    Ok(Section {
        about: "A verifier in an API. Times are of the processor, all threads together; medians. Bare is the signature check \
                by aws-lc-rs with a parsed key and nothing else; the bare endpoint has no layer."
            .to_owned(),
        head: ["", "bare", "ours", "bare ÷ ours"].map(str::to_owned).into(),
        rows,
        targets,
    })
}
