//! What a verifier counts, by way of the `metrics` facade.

use std::sync::OnceLock;

use metrics::{Counter, counter};

use crate::Refused;

/// Counters of the busiest path, looked up once: at the first request, when a recorder is there if ever.
#[derive(Default)]
pub(crate) struct Counters(OnceLock<Verified>);

struct Verified {
    all: Counter,
    known: Counter,
}

impl Counters {
    /// A request got through; `known` if its token was remembered.
    pub(crate) fn verified(&self, known: bool) {
        let verified = self.0.get_or_init(|| Verified {
            all: counter!("countersign_verifier_requests_total", "code" => "OK"),
            known: counter!("countersign_verifier_signatures_known_total"),
        });
        verified.all.increment(1);
        if known {
            verified.known.increment(1);
        }
    }
}

/// A request did not.
pub(crate) fn refused(refused: Refused) {
    counter!("countersign_verifier_requests_total", "code" => refused.code().name()).increment(1);
}
