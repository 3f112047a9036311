//! The program as people run it: stories of commands in `tests/cmd`, and what needs more than that here.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions it shares"
)]

mod backup;
mod beside;
mod commands;
mod data;
mod postgres;
mod running;
mod serve;
