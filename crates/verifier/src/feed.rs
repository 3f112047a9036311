//! The verifier's other side: what the auth server says.

use countersign_core::denylist::{Batch, Heartbeat};
use countersign_core::token::KeySet;

use crate::state::Shared;

/// Tells a verifier what the auth server says. There is one for each verifier, and whoever holds it decides
/// where the news comes from.
#[derive(Debug)]
pub struct Feed(pub(crate) Shared);

impl Feed {
    /// The auth server's keys, instead of those before. Keys that were withdrawn stay refused.
    pub fn keys(&self, keys: KeySet) {
        self.0.accept_keys(keys);
    }

    /// Entries of the deny-list, in any order, as often as one likes.
    pub fn apply(&self, batch: &Batch) {
        self.0.apply(batch);
    }

    /// That everything up to a moment has been told: from the first one on the verifier answers. Comes each
    /// second, and is the occasion on which the verifier lets go of what has passed.
    pub fn heartbeat(&self, heartbeat: Heartbeat) {
        self.0.heartbeat(heartbeat);
    }
}
