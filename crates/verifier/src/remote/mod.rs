//! News over the network: the deny-list stream, and the JWKS URL for a key that nobody has announced.
//!
//! ```text
//!  stream ── keys, snapshot, entries, heartbeat ──► Feed ──► State ◄── cache file, at the start
//!  asking ── JWKS, when a token names an unknown key ─────────┘ └────► cache file, now and then
//! ```

mod asking;
mod builder;
mod cache;
mod link;
mod pause;
mod sse;
mod stream;
mod upkeep;

pub(crate) use asking::Asking;
pub(crate) use builder::Tasks;
pub use builder::{BuildError, Builder};
