//! The Countersign auth server as a library.

pub mod store;
