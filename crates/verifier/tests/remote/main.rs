//! The verifier and its auth server, with a network between them.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod cache_file;
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod network;
