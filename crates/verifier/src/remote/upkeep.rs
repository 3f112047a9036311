//! What a verifier does beside answering.

use std::sync::Weak;
use std::time::Duration;

use metrics::gauge;

use crate::state::State;

/// How often it looks how stale it is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often, in looks, it lets go of entries whose time has passed.
const FORGET_EVERY: u32 = 60;

/// Runs for as long as the verifier is there.
pub(super) async fn run(state: Weak<State>) {
    let mut looks: u32 = 0;
    let mut said = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(state) = state.upgrade() else { return };
        let now = state.clock.now();
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(FORGET_EVERY) {
            state.denylist.forget(now);
        }
        gauge!("countersign_verifier_denylist_entries").set(precise(state.denylist.len()));
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
