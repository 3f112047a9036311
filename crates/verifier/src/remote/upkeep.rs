//! What a verifier does beside answering.

use std::sync::Weak;
use std::time::Duration;

use metrics::gauge;

use crate::state::State;

/// How often it looks how stale it is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs for as long as the verifier is there.
pub(super) async fn run(state: Weak<State>) {
    let mut said = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(state) = state.upgrade() else { return };
        let now = state.clock.now();
        gauge!("countersign_verifier_denylist_entries").set(precise(state.denylist.len()));
        gauge!("countersign_verifier_signatures").set(precise(state.signatures.len()));
        let Some(stale_for) = state.stale_for(now) else { continue };
        gauge!("countersign_verifier_stale_seconds").set(stale_for.as_secs_f64());
        let is_stale = stale_for > state.policy.staleness.after();
        if is_stale != std::mem::replace(&mut said, is_stale) {
            if is_stale {
                tracing::warn!(?stale_for, policy = ?state.policy.staleness, "no news of logouts");
            } else {
                tracing::info!("news of logouts again");
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of more than 2^52 entries would not be read")]
const fn precise(count: usize) -> f64 {
    count as f64
}
