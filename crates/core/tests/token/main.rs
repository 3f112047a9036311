//! Access tokens from outside: what a server signs, a verifier reads, and nothing else.

#[cfg(test)]
mod attack;
#[cfg(test)]
mod common;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod vectors;
