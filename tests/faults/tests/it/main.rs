//! Each fault in a short form; `scripts/soak` is the long one.

mod failover;
mod kill;
