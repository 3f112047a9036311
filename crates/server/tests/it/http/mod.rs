//! The HTTP API from outside. The files are those of the URLs.

mod login;
mod logout;
mod refresh;
mod sessions;
mod signup;
