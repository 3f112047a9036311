//! Access tokens from outside: what a server signs, a verifier reads.

#[cfg(test)]
mod common;
#[cfg(test)]
mod round_trip;
