//! The HTTP API from outside. The files are those of the URLs.

mod bad_input;
mod cookies;
mod csrf;
mod health;
mod jwks;
mod login;
mod logout;
mod mint;
mod refresh;
mod revocations;
mod sessions;
mod signup;
mod verify;
