//! Signing up: a new account and its first session.

use countersign_core::Code;
use zeroize::Zeroizing;

use super::{App, Caller, Error, Issued, Login, NewUser, Password};
use crate::store::EventKind;

/// What somebody signs up with.
pub struct Signup {
    /// The e-mail address.
    pub email: String,
    /// A user name, if wanted.
    pub username: Option<String>,
    /// The password.
    pub password: Zeroizing<String>,
}

impl App {
    /// Creates an account with the configured roles and opens its first session.
    ///
    /// # Errors
    /// The codes of `POST /auth/signup` in PROTOCOL.md.
    pub async fn signup(&self, who: Signup, how: Login, caller: Caller) -> Result<Issued, Error> {
        if !self.settings.signup {
            return Err(Error::Code(Code::Forbidden));
        }
        self.check_mode(how.mode)?;
        let address = caller.address.to_string();
        self.allow(self.settings.signup_address_limit, "signup address", address.as_bytes()).await?;
        let user = self
            .create_user(NewUser {
                email: who.email,
                username: who.username,
                password: Some(Password::Text(who.password)),
                roles: self.settings.roles.clone(),
                default_role: self.settings.default_role.clone(),
            })
            .await?;
        let came_along = self.session_that_came_along(&caller).await?;
        self.open_session(user, how, caller, came_along, EventKind::Login).await
    }
}
