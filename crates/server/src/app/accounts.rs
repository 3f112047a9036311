//! Accounts, as administrators see them.

use std::collections::BTreeMap;

use countersign_core::{Code, SessionId, UserId};
use zeroize::Zeroizing;

use super::{App, Error, names, passwords};
use crate::store::{Created, EventKind, NewEvent, User, UserChange};

/// A user to be created.
pub struct NewUser {
    /// The e-mail address.
    pub email: String,
    /// A user name, if wanted.
    pub username: Option<String>,
    /// The password; without one the user cannot log in by password.
    pub password: Option<Password>,
    /// The roles.
    pub roles: Vec<String>,
    /// The default role; one of `roles`.
    pub default_role: String,
}

/// What a new user will log in with.
#[non_exhaustive]
pub enum Password {
    /// The hash that another system made of it.
    Hash(String),
    /// The password itself.
    Text(Zeroizing<String>),
}

impl App {
    /// Creates a user.
    ///
    /// # Errors
    /// [`Code::AccountExists`] if a name is taken (after the same work as if not), [`Error::BadRequest`] if a
    /// field is not as it must be.
    pub async fn create_user(&self, new: NewUser) -> Result<User, Error> {
        let mut keys = vec![names::email(&new.email)?];
        if let Some(name) = &new.username {
            keys.push(names::username(name)?);
        }
        check_roles(&new.roles, &new.default_role)?;
        let password = match new.password {
            Some(Password::Text(password)) => self.hash_password(password).await?,
            Some(Password::Hash(hash)) if passwords::is_known(&hash) => hash,
            Some(Password::Hash(_)) => {
                return Err(Error::BadRequest(
                    "hash: neither bcrypt, scrypt, PBKDF2 nor Argon2, or too dear to verify".into(),
                ));
            }
            None => String::new(),
        };
        let now = self.now();
        let user = User {
            id: UserId::at(now, self.random.bytes()?),
            email: new.email,
            username: new.username,
            password,
            roles: new.roles,
            default_role: new.default_role,
            claims: BTreeMap::new(),
            claims_epoch: 0,
            disabled: false,
            created_at: now,
        };
        let event = NewEvent { at: now, kind: EventKind::Signup, user: user.id, session: None, detail: None };
        match self.store.create_user(&user, &keys, event).await? {
            Created::Done => Ok(user),
            Created::NameTaken => Err(Error::Code(Code::AccountExists)),
        }
    }

    /// The user of this id, e-mail address or user name.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if there is none.
    pub async fn find_user(&self, text: &str) -> Result<User, Error> {
        let found = match text.parse() {
            Ok(id) => self.store.user(id).await?,
            Err(_) => self.store.user_by_name(&names::either(text)?).await?,
        };
        found.ok_or_else(|| Error::BadRequest(format!("there is no user `{text}`")))
    }

    /// Users in the order of their ids, which is that of their making.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, Error> {
        Ok(self.store.users(after, limit).await?)
    }

    /// Gives a user a new password, which ends every session of theirs; answers which.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if the password is too short or long.
    pub async fn set_password(
        &self,
        user: UserId,
        password: Zeroizing<String>,
    ) -> Result<Vec<SessionId>, Error> {
        let hash = self.hash_password(password).await?;
        self.change_user(user, UserChange::Password(hash), EventKind::PasswordChanged).await
    }

    /// Disables or enables an account; disabling ends every session of it. Answers which.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot answer.
    pub async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<Vec<SessionId>, Error> {
        let kind = if disabled { EventKind::Disabled } else { EventKind::Enabled };
        self.change_user(user, UserChange::Disabled(disabled), kind).await
    }

    /// Gives a user new roles; the claims epoch moves, so that tokens with the old ones are refused.
    ///
    /// # Errors
    /// [`Error::BadRequest`] if the default role is not among the roles.
    pub async fn set_roles(&self, user: UserId, roles: Vec<String>, default: String) -> Result<(), Error> {
        check_roles(&roles, &default)?;
        self.change_user(user, UserChange::Roles(roles, default), EventKind::RolesChanged).await?;
        Ok(())
    }

    async fn change_user(
        &self,
        user: UserId,
        change: UserChange,
        kind: EventKind,
    ) -> Result<Vec<SessionId>, Error> {
        let now = self.now();
        let event = NewEvent { at: now, kind, user, session: None, detail: None };
        let ended = self.store.change_user(user, change, event, self.deny_until(now)).await?;
        ended.ok_or_else(|| Error::BadRequest(format!("there is no user `{user}`")))
    }

    async fn hash_password(&self, password: Zeroizing<String>) -> Result<String, Error> {
        let least = self.settings.password_min as usize;
        if !(least..=1024).contains(&password.len()) {
            return Err(Error::BadRequest(format!("password: {least} to 1024 bytes, of any kind")));
        }
        Ok(self.passwords.hash(password, self.random.bytes()?).await?)
    }
}

fn check_roles(roles: &[String], default: &str) -> Result<(), Error> {
    let known = roles.iter().any(|role| role == default);
    let named = roles.iter().all(|role| !role.is_empty() && role.len() <= 64);
    let distinct =
        roles.iter().enumerate().all(|(at, role)| !roles.iter().skip(at + 1).any(|other| other == role));
    if known && named && distinct {
        return Ok(());
    }
    Err(Error::BadRequest("roles: distinct names of 1 to 64 bytes, the default role among them".into()))
}
