//! The Countersign auth server as a library.
