//! The error codes of the wire: one table that says what each is called, its HTTP status, and what a client
//! does about it. `vectors/codes.json` is written from it, and every other language is compared with that.

use std::fmt;

use serde::Serialize;

/// What a client does about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// Change the request or the configuration: repeating it cannot help.
    Fix,
    /// The session is over or was never there: ask the user to sign in.
    Login,
    /// Refresh once, then repeat the request.
    Refresh,
    /// Repeat the same request later (`Retry-After` says when).
    Retry,
}

impl Action {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Retry => "retry",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $action:ident, $message:literal;)*) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// What a client does about it.
            pub const fn action(self) -> Action {
                match self { $(Self::$variant => Action::$action,)* }
            }

            /// The sentence for people, which tells an attacker nothing. Programs read the code.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }
        }
    };
}

codes! {
    /// A name is already in use at sign-up.
    AccountExists = "ACCOUNT_EXISTS", 409, Fix, "An account with this e-mail address or user name exists already.";
    /// The request is not of the form that the API takes; HTTP may name the fault closer (404, 405, 413, 415).
    BadRequest = "BAD_REQUEST", 400, Fix, "The request is not of the expected form.";
    /// The user's roles changed after this token was signed.
    ClaimsStale = "CLAIMS_STALE", 401, Refresh, "The token's claims are out of date.";
    /// No such user, a wrong password or a disabled user: one answer for all.
    CredentialsInvalid = "CREDENTIALS_INVALID", 401, Login, "The name or the password is wrong.";
    /// A request that a page of another origin could have forged.
    CsrfRejected = "CSRF_REJECTED", 403, Fix, "The request did not come from an allowed page.";
    /// The fingerprint cookie is missing or belongs to another session.
    FingerprintMismatch = "FINGERPRINT_MISMATCH", 401, Login, "The fingerprint cookie is missing or wrong.";
    /// Not allowed, whoever asks again: a scope, a service key that is not known, sign-up switched off.
    Forbidden = "FORBIDDEN", 403, Fix, "This is not allowed.";
    /// The request carries nothing that names a session.
    NoSession = "NO_SESSION", 401, Login, "There is no session.";
    /// Too many attempts; they slow down and never lock.
    RateLimited = "RATE_LIMITED", 429, Retry, "Too many attempts. Try again later.";
    /// A text that we did not issue as a refresh token, or one of another transport.
    RefreshTokenInvalid = "REFRESH_TOKEN_INVALID", 401, Login, "The refresh token is not valid.";
    /// A mint showed an old refresh token; the session lives on.
    RefreshTokenStale = "REFRESH_TOKEN_STALE", 401, Refresh, "The refresh token is out of date.";
    /// The session is over; `reason` says why.
    SessionEnded = "SESSION_ENDED", 401, Login, "The session has ended.";
    /// The access token is at or past its expiry.
    TokenExpired = "TOKEN_EXPIRED", 401, Refresh, "The access token has expired.";
    /// The access token is missing, malformed, forged, or meant for somebody else.
    TokenInvalid = "TOKEN_INVALID", 401, Refresh, "The access token is not valid.";
    /// The server cannot answer now: the database is away, a queue is full.
    Unavailable = "UNAVAILABLE", 503, Retry, "The service is unavailable for the moment.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// Why a session is over: the `reason` beside [`Code::SessionEnded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EndReason {
    /// It reached the end of its longest life.
    Absolute,
    /// Nobody used it for too long.
    Idle,
    /// Its user logged out.
    Logout,
    /// An old refresh token was shown: somebody copied it.
    Reuse,
    /// An administrator, a password change or a disabled account ended it.
    Revoked,
}

impl EndReason {
    /// Every reason.
    pub const ALL: &'static [Self] = &[Self::Absolute, Self::Idle, Self::Logout, Self::Reuse, Self::Revoked];

    /// The word on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Idle => "idle",
            Self::Logout => "logout",
            Self::Reuse => "reuse",
            Self::Revoked => "revoked",
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}
