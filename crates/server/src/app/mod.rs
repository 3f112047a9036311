//! The use cases: they act, after `core` has decided and through the `store`. HTTP, GraphQL and the command
//! line are views of them.
//!
//! ```text
//! http, graphql, cli ──► App::{signup, login, refresh, fork, mint, logout, …} ──► core (judge, sign, verify)
//!                                                                            └──► store (one transaction)
//! ```

mod access;
mod accounts;
mod bearer;
mod denylist;
mod error;
mod login;
mod logout;
mod mint;
mod names;
mod passwords;
mod recognise;
mod refresh;
mod service_keys;
mod sessions;
mod signing_keys;
mod signup;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::session::MacKey;
use countersign_core::token::FingerprintCookie;
use countersign_core::{Clock, SessionId, Timestamp};

pub use access::AccessToken;
pub use accounts::{NewUser, Password};
pub use bearer::Authenticated;
pub use error::{Error, Wire};
pub use login::{Credentials, Login};
pub use logout::Leaving;
pub use mint::Minted;
pub use passwords::PasswordError;
pub use recognise::Presented;
pub use service_keys::{SCOPES, Scope};
pub use signing_keys::{Rotation, Withdrawal, signing_alg};
pub use signup::Signup;

use crate::config::{Limit, Settings};
use crate::random::Random;
use crate::seal::MasterSecret;
use crate::store::{LONGEST_ACCESS_TTL, Mode, Store, User};
use denylist::Hub;
use passwords::Passwords;
use signing_keys::Keyring;

/// What the application takes from the world.
pub struct Deps {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
    /// The secret that the database does not hold.
    pub master: MasterSecret,
}

/// The use cases and what they stand on.
pub struct App {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    master: MasterSecret,
    mac: MacKey,
    keyring: Keyring,
    passwords: Passwords,
    hub: Hub,
    watchers: watch::Watchers,
    settings: Settings,
}

/// Who asks, as far as a login needs to know.
#[derive(Debug)]
pub struct Caller {
    /// The address that limits count.
    pub address: IpAddr,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The fingerprint cookie that came along.
    pub fingerprint: Option<FingerprintCookie>,
}

/// What a login, sign-up or refresh hands to its client.
pub struct Issued {
    /// The access token.
    pub access: AccessToken,
    /// The refresh token: the child of the confirmed one, or at login that one itself.
    pub refresh: String,
    /// The fingerprint cookie, where a new one was drawn.
    pub fingerprint: Option<FingerprintCookie>,
    /// The session's id.
    pub session: SessionId,
    /// The depth of `refresh`.
    pub depth: u32,
    /// The latest end of the session.
    pub expires_at: Timestamp,
    /// How long the session lives on if nobody uses it.
    pub idle_expires_in: Duration,
    /// How the tokens travel.
    pub mode: Mode,
    /// Whether the cookies outlive the browser.
    pub remember: bool,
    /// Whose session it is.
    pub user: User,
    /// The server's time of the answer.
    pub now: Timestamp,
}

impl App {
    /// Makes the application ready: ties the database to the master secret, and sees to it that there is a key
    /// to sign with.
    ///
    /// # Errors
    /// [`Error::Internal`] if the database belongs to another master secret or its keys cannot be opened,
    /// [`Error::Store`] if it cannot be reached.
    pub async fn start(settings: Settings, deps: Deps) -> Result<Arc<Self>, Error> {
        let Deps { store, clock, random, master } = deps;
        let proof = master.proof()?;
        if store.secret_proof(proof).await? != proof {
            return Err(Error::Internal("this database belongs to another master secret".into()));
        }
        let threads = match settings.hash_threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
            some => some as usize,
        };
        let passwords =
            Passwords::start(threads, random.bytes()?).map_err(|error| Error::Internal(error.to_string()))?;
        let mac = master.mac_key()?;
        let keyring = signing_keys::open(&*store, &master, &*random, &settings, clock.now()).await?;
        let hub = Hub::new(random.bytes()?, &settings, Arc::clone(&clock));
        let watchers = watch::Watchers::default();
        Ok(Arc::new(Self { store, clock, random, master, mac, keyring, passwords, hub, watchers, settings }))
    }

    /// The checked configuration.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the database answers, writes included, and our clock is right by its.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::NotReady`] if not.
    pub async fn ready(&self) -> Result<(), Error> {
        Ok(self.store.ready().await?)
    }

    /// Deletes what nobody will ask for again, a little at a time; answers how many rows went.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn sweep(&self) -> Result<u64, Error> {
        Ok(self.store.sweep(self.now(), KEEP_ENDED).await?)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Until when a verifier must remember that a session ended now: see "Deny-list stream" in PROTOCOL.md.
    fn deny_until(&self, now: Timestamp) -> Timestamp {
        now.plus(LONGEST_ACCESS_TTL).plus(self.settings.flight.0).plus(CLOCK_OFF)
    }

    /// Takes one attempt of `what` by `subject` from its allowance.
    async fn allow(&self, limit: Limit, what: &str, subject: &[u8]) -> Result<(), Error> {
        let Some(allowance) = limit.0 else { return Ok(()) };
        // The length keeps `what` and `subject` from running into each other.
        let text = [&[u8::try_from(what.len()).unwrap_or(u8::MAX)], what.as_bytes(), subject].concat();
        match self.store.attempt(sha256(&text), allowance, self.now()).await? {
            None => Ok(()),
            Some(wait) => Err(Error::Limited(wait)),
        }
    }
}

/// By how much a clock may be wrong for a while: behind when a session ended, or ahead since. With entries that are
/// forgotten sooner, tokens of that session would count again once the clock is right.
const CLOCK_OFF: Duration = Duration::from_hours(3).saturating_add(Duration::from_mins(1));
/// How long an ended session is kept, so that a late logout of it still gets its answer.
const KEEP_ENDED: Duration = Duration::from_hours(30 * 24);

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}
