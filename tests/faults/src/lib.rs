//! The fault harness: real servers, real clients, and a judge who knows what every client was told.
//!
//! ```text
//!  Crowd ── Client ── Wire ──► Node: `countersign serve` ──► its folder, or a database
//!    │         │        ╲             ▲
//!    │         ▼         answers are   kill -9, SIGSTOP, Shim: power loss, full disk, clock
//!    │      History      lost on the way
//!    ▼         │
//!  seed        └──► judge() ──► what was broken
//!
//!  Cluster: PostgreSQL and its standby, killed, promoted ◄── Proxy: slow, held, cut ◄── Node
//! ```
//!
//! Each fault is a test of `tests/it`, in a short form; `scripts/soak` runs the long one.

#![expect(clippy::exhaustive_enums, reason = "its users are the tests beside it")]
#![expect(clippy::missing_errors_doc, reason = "whatever fails here fails the test, with its reason")]

pub mod balancer;
pub mod client;
pub mod cluster;
pub mod crowd;
pub mod failover;
pub mod gateway;
pub mod history;
pub mod judge;
pub mod listeners;
pub mod node;
pub mod proxy;
pub mod reconnects;
pub mod report;
pub mod shim;
pub mod steady;
pub mod token;
pub mod wire;

/// What a test says that cannot run here. On the build server it fails: there everything is to be had.
#[expect(clippy::disallowed_methods, reason = "whether this is the build server, the environment says")]
pub fn skipped<T>(why: &str) -> anyhow::Result<Option<T>> {
    anyhow::ensure!(std::env::var_os("CI").is_none(), "cannot run here: {why}");
    eprintln!("skipped: {why}");
    Ok(None)
}
