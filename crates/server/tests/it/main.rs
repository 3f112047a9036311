//! The crate's integration tests, in one binary so that they link once.

#[cfg(test)]
mod between;
#[cfg(test)]
mod client;
#[cfg(test)]
mod graphql;
#[cfg(test)]
mod http;
#[cfg(test)]
mod interop;
#[cfg(test)]
mod listener;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod store_contract;
#[cfg(test)]
mod streams;
