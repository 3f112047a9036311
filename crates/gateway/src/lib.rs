//! Stands before an API in any language, so that it need not know what an access token is.
//!
//! ```text
//!  request ──► caller ──► Verifier ──► identity ──► forward ───► upstream      one identity, in headers
//!                │           └─ refused: JSON         └─ bodies stream through, both ways
//!                └─ upgrade ──► socket ── Guard ──► upstream's socket          closed with its session
//! ```
//!
//! Without an upstream it only answers other proxies that ask before they pass a request on: `/auth/verify`.
//! What decides is the verifier; this crate moves bytes, and sees to it that no client says what only a gateway
//! may say.

mod body;
mod caller;
pub mod config;
mod cookies;
mod error;
mod forward;
mod hops;
mod payload;
mod router;
mod secret;
mod socket;
mod upstream;

pub use router::{admin, router};
pub use secret::SecretText;
