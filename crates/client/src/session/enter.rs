use std::sync::Arc;

use serde::Serialize;
use zeroize::Zeroizing;

use super::held::{Access, Held};
use super::{Client, Inner, Who, who};
use crate::answer::Issued;
use crate::error::{Error, SignedOut};
use crate::jar::{Jar, Mode};
use crate::transport::Shows;

/// Who signs in, and how.
pub struct Login {
    name: String,
    password: Zeroizing<String>,
    remember: bool,
    mode: Mode,
}

/// Who gets an account, and how they sign in to it.
pub struct SignUp {
    email: String,
    username: Option<String>,
    password: Zeroizing<String>,
    remember: bool,
    mode: Mode,
}

#[derive(Serialize)]
struct Body<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'b str>,
    password: &'b str,
    remember: bool,
    mode: Mode,
}

impl Login {
    /// A login by user name or e-mail address.
    pub fn new(name: impl Into<String>, password: impl Into<Zeroizing<String>>) -> Self {
        Self { name: name.into(), password: password.into(), remember: false, mode: Mode::default() }
    }

    /// The session lives longer: weeks instead of hours, unless the server is configured otherwise.
    #[must_use]
    pub fn remember(self) -> Self {
        Self { remember: true, ..self }
    }

    /// How the refresh token travels. To a program it makes no difference.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }
}

impl SignUp {
    /// An account with this e-mail address.
    pub fn new(email: impl Into<String>, password: impl Into<Zeroizing<String>>) -> Self {
        let (email, password) = (email.into(), password.into());
        Self { email, username: None, password, remember: false, mode: Mode::default() }
    }

    /// The user name, which may be used in the place of the address.
    #[must_use]
    pub fn username(self, name: impl Into<String>) -> Self {
        Self { username: Some(name.into()), ..self }
    }

    /// As [`Login::remember`].
    #[must_use]
    pub fn remember(self) -> Self {
        Self { remember: true, ..self }
    }

    /// As [`Login::mode`].
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }
}

impl Client {
    /// Opens a session in the place of the one that there may be, which the server ends.
    ///
    /// # Errors
    /// - [`Error::Refused`]: the name or the password is wrong, or there were too many attempts;
    /// - [`Error::Store`] if the session is open and held, but could not be saved;
    /// - [`Error::SignedOut`] if somebody logged out, or in as somebody else, while this was under way;
    /// - else with the action `retry`: nothing has changed here.
    pub async fn login(&self, login: Login) -> Result<Who, Error> {
        let Login { name, password, remember, mode } = &login;
        let body = Body { email: None, username: Some(name), password, remember: *remember, mode: *mode };
        self.open("/auth/login", &body).await
    }

    /// Makes an account, and opens its first session in the place of the one that there may be.
    ///
    /// # Errors
    /// - [`Error::Refused`]: a name is taken (`ACCOUNT_EXISTS`) or not one, the password is too short, sign-up is off;
    /// - else as [`login`](Client::login). After a lost answer the account may be there: log in.
    pub async fn sign_up(&self, account: SignUp) -> Result<Who, Error> {
        let SignUp { email, username, password, remember, mode } = &account;
        let (email, username) = (Some(email.as_str()), username.as_deref());
        let body = Body { email, username, password, remember: *remember, mode: *mode };
        self.open("/auth/signup", &body).await
    }

    async fn open(&self, route: &str, body: &Body<'_>) -> Result<Who, Error> {
        let inner = &self.0;
        let (epoch, before) = {
            let now = inner.now();
            let held = now.held.as_ref().ok().map(|held| held.jar.clone());
            (now.epoch, held.or_else(|| now.leaving.as_ref().map(|leaving| leaving.jar.clone())))
        };
        let asked = inner.settings.world.elapsed();
        let shows = Shows { cookies: before.and_then(|jar| jar.fingerprint()), ..Shows::default() };
        let (issued, headers) = inner.settings.post::<Issued>(route, shows, body).await?;
        let access = Access::issued(&issued, asked, inner.settings.world.chance());
        let jar = Jar::opened(body.mode, &issued, &headers);
        let (Some(access), Some(jar)) = (access, jar) else {
            return Err(Error::Foreign { status: 200, fault: "a session without tokens", retry_after: None });
        };
        let held = Held::opened(issued, jar, access);
        self.0.enter(epoch, held).await
    }

    /// Takes up the session that the store holds, if there is one, and renews it. A logout that the server was
    /// not told of is finished instead.
    ///
    /// # Errors
    /// - [`Error::SignedOut`] if the server has ended the session;
    /// - [`Error::Store`] if the store fails, or holds what is no session of this server;
    /// - else as [`token`](Client::token). The session is held then, and the next token that is wanted renews it.
    pub async fn resume(&self) -> Result<Option<Who>, Error> {
        let Some(keeper) = &self.0.keeper else { return Ok(None) };
        let epoch = self.0.now().epoch;
        let Some(saved) = keeper.load().await? else { return Ok(None) };
        if saved.leaving {
            self.0.leave_again(epoch, saved).await?;
            return Ok(None);
        }
        {
            let mut now = self.0.now();
            if now.epoch != epoch {
                return Err(Error::SignedOut(SignedOut::User));
            }
            if now.held.is_err() {
                self.0.begin(&mut now, saved.into());
            }
        }
        self.token().await?;
        Ok(self.who())
    }
}

impl Inner {
    /// Holds and saves the session of a login, unless it came too late.
    async fn enter(self: &Arc<Self>, epoch: u64, held: Held) -> Result<Who, Error> {
        let (who, saved) = (who(&held), held.to_save(false));
        let entered = {
            let mut now = self.now();
            (now.epoch == epoch).then(|| {
                self.begin(&mut now, held);
                now.epoch
            })
        };
        let Some(epoch) = entered else {
            // Nobody wants it any more: the server should not keep it open either.
            self.leave_late(saved);
            return Err(Error::SignedOut(SignedOut::User));
        };
        if let Some(keeper) = &self.keeper {
            keeper.put(saved, || self.is(epoch)).await?;
            let mut now = self.now();
            if let (true, Ok(held)) = (now.epoch == epoch, &mut now.held) {
                held.saved = true;
            }
        }
        Ok(who)
    }
}
