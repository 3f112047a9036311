//! Sessions of Countersign for Rust programs: command-line tools, desktop programs and services.
//!
//! ```text
//!  login, resume ──► Client ──► token ──► one refresh, however many ask; repeated until it is answered
//!                      │  ▲
//!                      │  └── logout, or a typed refusal of the refresh: nothing else signs out
//!                      └──► send, socket ──► an API of the list: access token and fingerprint cookie
//!                                       └──► anybody else: nothing
//! ```
//!
//! ```no_run
//! use countersign_client::{Client, Config, Error, Login};
//!
//! # async fn run(password: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Config::new("https://auth.example.com").api("https://api.example.com"))?;
//! client.login(Login::new("ann", password)).await?;
//!
//! // From now on, for as long as the session lives:
//! let request = client.http().get("https://api.example.com/notes");
//! let answer = client.send(request).await?;
//! println!("{}", answer.text().await?);
//!
//! client.logout().await?;
//! # Ok(()) }
//! ```
//!
//! # What a program can rely on
//!
//! - A token is renewed before it ends, judged by a clock of this program alone: what the machine's clock says, and
//!   who sets it, changes nothing. A machine that slept counts its sleep.
//! - However many tasks ask, one refresh is under way. Who stops waiting breaks nothing off.
//! - An answer that was lost is asked for again, with the same refresh token, until it comes. So is one that a
//!   crash kept from being saved.
//! - No network failure, 5xx, 429, captive portal or timeout signs anybody out. They are an [`Error`] whose
//!   [`action`](Error::action) is `retry`, after two flight times (16 s) at most; the [`State`] says `Degraded`.
//!   `Retry-After` is honoured: until then no request is made.
//! - A logout is one here at once, without network too, and no late answer undoes it.
//! - No secret is in a `Debug` output, an error or a log line. No redirect is followed. Tokens go to the origins of
//!   the configuration only, over TLS or within this machine.
//!
//! # Subscriptions
//!
//! Over `graphql-transport-ws`, on one connection for each [`Socket`]. The token is renewed while a subscription
//! lives, and the newer one shown on the open connection. After a break the subscriptions are there again, and
//! [`Event::Resumed`] says so.
//!
//! ```no_run
//! use countersign_client::{Client, Error, Event, Operation};
//!
//! # async fn run(client: Client) -> Result<(), Error> {
//! let socket = client.socket("wss://api.example.com/graphql")?;
//! let mut notes = socket.subscribe(Operation::new("subscription { noteAdded { text } }"));
//! while let Some(event) = notes.next().await {
//!     match event? {
//!         Event::Next(note) => println!("{}", note.data),
//!         Event::Resumed => println!("connected again; there may be more"),
//!         _ => (),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! The auth server has a socket too, at `/graphql`: `subscription { sessionEvents { kind } }` tells what happens to the
//! account, on whatever device, from the event `subscribed` on.
//!
//! # A session that outlives the program
//!
//! Nothing is written unless the program gives a [`SessionStore`]: a keyring, or an [`UnencryptedFile`].
//!
//! ```
//! use std::sync::Mutex;
//!
//! use countersign_client::{SessionStore, StoreError};
//! use zeroize::Zeroizing;
//!
//! /// Stands for the keyring of the desktop.
//! #[derive(Default)]
//! struct Keyring(Mutex<Option<Zeroizing<String>>>);
//!
//! impl SessionStore for Keyring {
//!     fn load(&self) -> Result<Option<Zeroizing<String>>, StoreError> {
//!         Ok(self.0.lock().map_err(|_| "poisoned")?.clone())
//!     }
//!
//!     fn save(&self, text: &str) -> Result<(), StoreError> {
//!         *self.0.lock().map_err(|_| "poisoned")? = Some(Zeroizing::new(text.to_owned()));
//!         Ok(())
//!     }
//!
//!     fn clear(&self) -> Result<(), StoreError> {
//!         *self.0.lock().map_err(|_| "poisoned")? = None;
//!         Ok(())
//!     }
//! }
//! ```
//!
//! Programs that run at the same time may share a store: each looks there before it refreshes, and a logout of one
//! is one of all. While a store cannot be written, the refresh token that is in it is shown again and again, which
//! the server allows; so a full disk ends no session.
//!
//! # One session for each program
//!
//! A refresh token is one program's, unless programs share a store. To another one that is to act for the same user,
//! give a [`fork`](Client::fork): a session of its own, which ends with the one it was taken from.
//! [`logout_everywhere`](Client::logout_everywhere) ends all sessions of the user, on whatever device.
//!
//! # Showing the state
//!
//! ```no_run
//! use countersign_client::{Client, State};
//!
//! # async fn run(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let mut state = client.state();
//! loop {
//!     match &*state.borrow_and_update() {
//!         State::SignedIn(who) => println!("signed in as {}", who.user.email),
//!         State::Degraded(who, error) => println!("{}, offline: {error}", who.user.email),
//!         State::SignedOut(why) => println!("signed out: {why}"),
//!         _ => (),
//!     }
//!     state.changed().await?;
//! }
//! # }
//! ```

mod answer;
mod config;
mod error;
mod jar;
mod secret;
mod send;
mod session;
mod socket;
mod store;
mod transport;
mod world;

pub use answer::User;
pub use config::{Config, ConfigError};
pub use error::{Error, Refusal, SignedOut};
pub use jar::Mode;
pub use secret::SecretText;
pub use session::{Client, Login, SignUp, State, Who};
pub use socket::{Event, Execution, Operation, Socket, Subscription};
#[cfg(unix)]
pub use store::UnencryptedFile;
pub use store::{SessionStore, StoreError};
pub use world::{Machine, Sleep, World};
