//! The verifier as an API uses it.

#[cfg(test)]
mod api;
#[cfg(test)]
mod layer;
#[cfg(test)]
mod live;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod variables;
#[cfg(test)]
mod verify;
