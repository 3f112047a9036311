//! The client against the real server, in one binary so that it links once.

#[cfg(test)]
mod devices;
#[cfg(test)]
mod events;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod send;
#[cfg(test)]
mod session;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod store;
#[cfg(test)]
mod time;
