//! A session: opened, renewed and ended.

mod enter;
mod flight;
mod fork;
mod held;
mod leave;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_core::SessionId;
use reqwest::Url;
use tokio::sync::watch;

use self::held::{Access, Held, Now};
use crate::answer::User;
use crate::config::{Config, ConfigError, Settings};
use crate::error::{Error, SignedOut};
use crate::jar::Jar;
use crate::secret::SecretText;
use crate::store::Keeper;

pub use self::enter::{Login, SignUp};
pub(crate) use self::held::Trouble;

/// A client of one auth server, and of the APIs that take its access tokens. Clones are the same client.
///
/// It holds one session at most. Everything it does needs a Tokio runtime.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    keeper: Option<Keeper>,
    now: Mutex<Now>,
    state: watch::Sender<State>,
    beat: watch::Sender<Beat>,
}

/// Changes when tokens do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Which session it is; another number is another one, or none.
    pub(crate) epoch: u64,
    /// Grows with each access token.
    pub(crate) token: u64,
}

/// Whether there is a session, as a program shows it to its user.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum State {
    /// There is none.
    SignedOut(SignedOut),
    /// There is one.
    SignedIn(Who),
    /// There is one, and it could not be renewed or saved the last time. It is tried again when a token is
    /// wanted; nobody is signed out for that.
    Degraded(Who, Error),
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Who {
    /// The session.
    pub session: SessionId,
    /// Its user, as the last refresh described them.
    pub user: User,
}

/// An access token with what goes along, for one use.
pub(crate) struct Pass {
    pub(crate) session: SessionId,
    pub(crate) token: SecretText,
    pub(crate) jar: Jar,
    pub(crate) beat: Beat,
    /// When it ends, by the clock of the world.
    pub(crate) ends: Duration,
    pub(crate) due: Duration,
}

impl Client {
    /// A client with this configuration; nobody is signed in yet.
    ///
    /// # Errors
    /// [`ConfigError`], if a URL is not one or would carry secrets in the clear.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self::of(config.check()?))
    }

    fn of(settings: Settings) -> Self {
        let keeper = settings.store.clone().map(|store| Keeper::new(store, &settings.auth));
        let now = Now { epoch: 0, held: Err(SignedOut::Never), flight: None, trouble: None, leaving: None };
        Self(Arc::new(Inner {
            settings,
            keeper,
            now: Mutex::new(now),
            state: watch::Sender::new(State::SignedOut(SignedOut::Never)),
            beat: watch::Sender::default(),
        }))
    }

    /// The state, and each change of it.
    pub fn state(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Who is signed in, if anybody is.
    pub fn who(&self) -> Option<Who> {
        self.0.now().held.as_ref().ok().map(who)
    }

    /// An access token that is good for some seconds at least; renewed first if it is not. Between four fifths
    /// of its life and its end it is renewed beside its use. However many ask, one request is under way.
    ///
    /// [`send`](Self::send) and [`socket`](Self::socket) do this by themselves.
    ///
    /// # Errors
    /// - [`Error::SignedOut`] if there is no session, or the server has just said so;
    /// - with the action `retry` if the server cannot be reached: the session lives on;
    /// - with the action `fix` if the server refuses for another reason.
    pub async fn token(&self) -> Result<SecretText, Error> {
        self.0.pass(Duration::ZERO).await.map(|pass| pass.token)
    }

    /// Another access token than this one, which an API has refused.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub async fn token_instead_of(&self, refused: &SecretText) -> Result<SecretText, Error> {
        self.0.pass_instead_of(refused).await.map(|pass| pass.token)
    }

    /// Whether requests to this address carry the session's tokens.
    pub fn trusts(&self, url: &Url) -> bool {
        self.0.settings.trusts(url)
    }
}

impl Inner {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn beat(&self) -> watch::Receiver<Beat> {
        self.beat.subscribe()
    }

    /// Puts a session in the place of whatever was there.
    fn begin(&self, now: &mut Now, held: Held) {
        now.epoch += 1;
        (now.flight, now.trouble, now.leaving) = (None, None, None);
        self.state.send_replace(State::SignedIn(who(&held)));
        now.held = Ok(held);
        self.beat.send_modify(|beat| *beat = Beat { epoch: now.epoch, token: beat.token + 1 });
    }

    /// Forgets the session. Whoever waits for its tokens waits no longer.
    fn end(&self, now: &mut Now, why: SignedOut) {
        now.epoch += 1;
        (now.flight, now.trouble) = (None, None);
        now.held = Err(why.clone());
        self.state.send_replace(State::SignedOut(why));
        self.beat.send_modify(|beat| beat.epoch = now.epoch);
    }

    /// The same, if it still is the session of that epoch.
    fn end_of(&self, epoch: u64, why: SignedOut) -> Error {
        let mut now = self.now();
        if now.epoch == epoch {
            self.end(&mut now, why);
        }
        Error::SignedOut(match &now.held {
            Err(why) => why.clone(),
            // Another session has begun meanwhile, and what was asked for belonged to the one before.
            Ok(_) => SignedOut::User,
        })
    }

    fn is(&self, epoch: u64) -> bool {
        self.now().epoch == epoch
    }
}

fn who(held: &Held) -> Who {
    Who { session: held.session, user: held.user.clone() }
}

impl Pass {
    fn new(held: &Held, access: &Access, beat: Beat) -> Self {
        let Access { token, ends, due, .. } = access.clone();
        Self { session: held.session, token, jar: held.jar.clone(), beat, ends, due }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("auth", &self.0.settings.auth).finish_non_exhaustive()
    }
}
