//! What the rows mean.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use countersign_core::code::EndReason;
use countersign_core::denylist::Batch;
use countersign_core::session::{Life, State};
use countersign_core::token::{Algorithm, FingerprintHash};
use countersign_core::{Secret, ServiceKeyId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// An enum whose variants are words: on the wire, in the database and in logs alike.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }

        impl $name {
            /// The word.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What the word stands for.
            pub fn from_name(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = Cow::<'de, str>::deserialize(from)?;
                let fault = || serde::de::Error::custom(format_args!("one of {}", [$($word),*].join(", ")));
                Self::from_name(&word).ok_or_else(fault)
            }
        }
    };
}

/// A person or machine that can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The e-mail address as the user wrote it.
    pub email: String,
    /// The user name as the user wrote it.
    pub username: Option<String>,
    /// The password's hash as a PHC string; empty if the user cannot log in by password.
    pub password: String,
    /// The roles that tokens may claim.
    pub roles: Vec<String>,
    /// The role that tokens claim unless asked otherwise; one of `roles`.
    pub default_role: String,
    /// Custom `x-hasura-*` claims of this user.
    pub claims: BTreeMap<String, String>,
    /// Grows by one with each change that makes older access tokens wrong.
    pub claims_epoch: u64,
    /// Whether an administrator has disabled the account.
    pub disabled: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// An e-mail address or user name in the one form in which it is compared: see `app::names`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NameKey(String);

impl NameKey {
    /// The key of a text that is in that form already.
    pub const fn from_folded(text: String) -> Self {
        Self(text)
    }

    /// The text, as the index table holds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A change to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store that overlooks a change must not compile")]
pub enum UserChange {
    /// Disables or enables the account.
    Disabled(bool),
    /// A new password hash.
    Password(String),
    /// New roles and default role.
    Roles(Vec<String>, String),
}

impl UserChange {
    /// Whether access tokens from before it are wrong.
    pub(super) const fn moves_epoch(&self) -> bool {
        matches!(self, Self::Disabled(true) | Self::Password(_) | Self::Roles(..))
    }

    /// Whether every session of the user ends with it.
    pub(super) const fn ends_sessions(&self) -> bool {
        matches!(self, Self::Disabled(true) | Self::Password(_))
    }
}

words! {
    /// How a session's tokens travel; fixed at login.
    #[derive(Default)]
    pub enum Mode {
        /// The refresh token is in an `HttpOnly` cookie.
        #[default]
        Cookie = "cookie",
        /// The refresh token is in the answer's body and in the request's.
        Header = "header",
    }
}

/// One login on one device.
#[derive(Debug)]
pub struct Session {
    /// Whose session it is. With `id` the primary key, so that one user's rows live together.
    pub user: UserId,
    /// The session's id.
    pub id: SessionId,
    /// The session this one was forked from, and ends with.
    pub parent: Option<SessionId>,
    /// The confirmed refresh token.
    pub state: State,
    /// Goes into the refresh tokens' MAC; only the database holds it.
    pub salt: Secret<16>,
    /// The hash of the fingerprint cookie.
    pub fingerprint: FingerprintHash,
    /// How its tokens travel.
    pub mode: Mode,
    /// Whether the cookies outlive the browser.
    pub remember: bool,
    /// When it was made and last used, and how long it may live.
    pub life: Life,
    /// The `User-Agent` at login, cut to 256 bytes.
    pub user_agent: Option<String>,
    /// When and why it was ended; one that merely ran out of time has none.
    pub ended: Option<(Timestamp, EndReason)>,
}

/// A session and the user it belongs to.
#[derive(Debug)]
pub struct Held {
    /// The session.
    pub session: Session,
    /// Its user.
    pub user: User,
}

words! {
    /// What happened to an account.
    pub enum EventKind {
        /// A refresh healed a confirm that the database had lost.
        Adopt = "adopt",
        /// An administrator disabled the account.
        Disabled = "disabled",
        /// An administrator enabled the account.
        Enabled = "enabled",
        /// A good refresh token came with a wrong fingerprint cookie, or none.
        FingerprintMismatch = "fingerprint_mismatch",
        /// A header-mode tab took a session of its own from this one.
        Fork = "fork",
        /// A log-in.
        Login = "login",
        /// A log-in that failed.
        LoginFailed = "login_failed",
        /// A log-out of one session.
        Logout = "logout",
        /// A log-out of every session, or of every other.
        LogoutAll = "logout_all",
        /// A mint showed an old refresh token.
        MintStale = "mint_stale",
        /// The password changed.
        PasswordChanged = "password_changed",
        /// An old refresh token was shown: the session ended.
        Reuse = "reuse",
        /// An administrator, or the user from another device, ended the session.
        Revoked = "revoked",
        /// The roles changed.
        RolesChanged = "roles_changed",
        /// The account was made.
        Signup = "signup",
    }
}

/// An event to be recorded.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// To whose account.
    pub user: UserId,
    /// To which session, if to one.
    pub session: Option<SessionId>,
    /// What else is worth keeping: small, and no secret.
    pub detail: Option<serde_json::Value>,
}

/// A recorded event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Grows with each event of the database.
    pub id: u64,
    /// What was recorded.
    pub what: NewEvent,
}

words! {
    /// Where a signing key is in its life.
    pub enum KeyState {
        /// Published, and signs nothing yet.
        Announced = "announced",
        /// Signs.
        Active = "active",
        /// Signs no more; published until the last token it signed has expired.
        Retiring = "retiring",
        /// Published no more.
        Gone = "gone",
    }
}

/// A signing key as the database holds it.
#[derive(Clone)]
pub struct SigningKeyRow {
    /// The key's id: its RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Where it is in its life.
    pub state: KeyState,
    /// The private key, sealed under the master secret; wiped from a key that is gone.
    pub sealed: Zeroizing<Vec<u8>>,
    /// When it was made and announced.
    pub announced_at: Timestamp,
    /// When it began to sign.
    pub active_at: Option<Timestamp>,
    /// When it stopped signing.
    pub retiring_at: Option<Timestamp>,
}

/// A signing key that goes from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMove {
    /// The key.
    pub kid: String,
    /// The state that it must be in.
    pub from: KeyState,
    /// The state that it gets.
    pub to: KeyState,
}

/// Whether every key is in the state it is moved from, no added one is there already, and no two keys would be
/// active, or of one algorithm announced, as after two processes that each set up an empty database.
pub(super) fn fits(
    mut keys: HashMap<String, (Algorithm, KeyState)>,
    add: &[SigningKeyRow],
    moves: &[KeyMove],
) -> bool {
    let steps = moves.iter().all(|step| {
        keys.get_mut(&step.kid).is_some_and(|(_, state)| std::mem::replace(state, step.to) == step.from)
    });
    let new = add.iter().all(|key| keys.insert(key.kid.clone(), (key.algorithm, key.state)).is_none());
    let mut alone = HashSet::new();
    steps
        && new
        && keys.values().all(|(algorithm, state)| match state {
            KeyState::Announced => alone.insert(Some(*algorithm)),
            KeyState::Active => alone.insert(None),
            _ => true,
        })
}

/// Some entries of the deny-list, as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denied {
    /// The entries.
    pub batch: Batch,
    /// The number of the place after the last of them; the one that was asked after if there are none.
    pub last: u64,
}

/// The SHA-256 of a service key's text: the key itself is not stored.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServiceKeyHash(pub [u8; 32]);

/// How another server authenticates to this one.
#[derive(Debug, Clone)]
pub struct ServiceKey {
    /// The key's id.
    pub id: ServiceKeyId,
    /// What the operator calls it.
    pub name: String,
    /// What it allows: `revocations`, `ssr`, `metrics`, `admin`.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Session {
    /// Why the session is over at `now`, if it is.
    pub fn over(&self, now: Timestamp) -> Option<EndReason> {
        self.ended.map(|(_, reason)| reason).or_else(|| self.life.ended(now))
    }
}

/// How long a deny-list entry must be kept after `now`: longer than any access token can live.
pub const LONGEST_ACCESS_TTL: Duration = Duration::from_hours(1);
