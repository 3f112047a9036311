//! Sockets that are held to their session: what is decided, and what a client sees of it.

#[cfg(test)]
mod api;
#[cfg(test)]
mod graphql;
#[cfg(test)]
mod guard;
