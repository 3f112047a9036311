//! What a verifier counts, by way of the `metrics` facade.

use std::sync::OnceLock;

use metrics::Counter;

use crate::Refused;

/// Counters of the busiest path, looked up once: at the first request, when a recorder is there if ever.
#[derive(Default)]
pub(crate) struct Counters(OnceLock<[Counter; 2]>);

impl Counters {
    pub(crate) fn verified(&self, remembered: bool) {
        let [verified, hits] = self.0.get_or_init(|| {
            [
                metrics::counter!("countersign_verifier_verified_total"),
                metrics::counter!("countersign_verifier_remembered_total"),
            ]
        });
        verified.increment(1);
        if remembered {
            hits.increment(1);
        }
    }
}

pub(crate) fn refused(refused: Refused) {
    metrics::counter!("countersign_verifier_refused_total", "code" => refused.code().name()).increment(1);
}
