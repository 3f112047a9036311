//! The gateway as clients and the API behind it see it, with a verifier that is fed by hand.

#[cfg(test)]
mod api;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod http;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod verify;
