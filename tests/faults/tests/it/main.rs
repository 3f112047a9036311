//! Each fault in a short form; `scripts/soak` is the long one.

mod database;
mod down;
mod failover;
mod kill;
