//! Checks access tokens in an API: alone, in memory, without a call to anybody, and yet a logout takes effect
//! at once.
//!
//! ```text
//!  auth server ══ stream: keys, deny-list, heartbeat ══► Feed ──► keys, deny-list, freshness
//!                                                                     │ read without a lock
//!  request ──► Shown ──► Verifier::verify ────────────────────────────┴──► Verified, or Refused
//!              token, fingerprint cookie                                      └─► session().ended()
//! ```
//!
//! Where the stream comes from is not this picture's matter: over the network, or in the auth server itself from
//! its own database, where the same verifier guards its own subscriptions.

mod counters;
mod denylist;
mod feed;
mod freshness;
#[cfg(feature = "graphql")]
pub mod graphql;
mod keys;
#[cfg(feature = "axum")]
mod layer;
mod live;
mod policy;
mod refused;
#[cfg(feature = "remote")]
mod remote;
mod session;
mod shown;
mod signatures;
mod state;
mod status;
pub mod variables;
mod verified;
mod verifier;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use denylist::DenyList;
pub use feed::Feed;
pub use freshness::Skew;
#[cfg(feature = "axum")]
pub use layer::{Allowed, Role, RoleLayer, RoleService, VerifierLayer, VerifierService};
pub use policy::{FingerprintPolicy, Policy, Staleness};
pub use refused::{Refused, Unready};
#[cfg(feature = "remote")]
pub use remote::{BuildError, Builder};
pub use session::{Ended, NotNewer, Session};
pub use shown::Shown;
pub use status::Status;
pub use verified::Verified;
pub use verifier::Verifier;
