//! The proof of the refresh rule. The real `State::judge` runs in every history of a small world (`honest`,
//! `thief`), in the histories that other systems fail (`histories`) and in long random ones (`random`); and rules
//! with one thing broken are caught by the same searches (`broken`).
//!
//! One tick of the models is a second; F is one tick and G three. `COUNTERSIGN_MODEL=large` searches further, and
//! `-- --nocapture` prints what was searched.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic, and these helpers are all test"
)]

mod broken;
mod browser;
mod honest;
mod relative;
mod rule;
mod thief;

/// Whether the larger bounds were asked for: minutes and gigabytes, and better with `--release`.
#[expect(
    clippy::disallowed_methods,
    reason = "the gate and the nightly run are one test"
)]
fn large() -> bool {
    std::env::var("COUNTERSIGN_MODEL").is_ok_and(|size| size == "large")
}
