//! The part of Countersign that decides: tokens, the refresh rule and the error codes, and nothing else.
//!
//! ```text
//!  a request shows                       core decides                     and answers
//!  ───────────────                       ────────────                     ───────────
//!  access token ──► token::Unverified ──► verify(keys, checks, now) ──► Verified<Claims> or Reject
//!  refresh token ─► session::Shown ─────► verify(mac key, salt) ──────► RefreshToken
//!                                         State::judge(token, now) ───► Verdict: Adopt, Confirm, Switch,
//!                                                                       Repeat or Reuse
//!  any refusal ───► code::Code ─────────► wire name, HTTP status, what the client should do
//! ```
//!
//! No I/O, no async, no clock and no random bytes: callers pass in the time ([`Timestamp`]) and the bytes.
//! Private keys and the refresh rule stand behind the feature `issuer`, so that a resource server, which
//! only verifies, never links them.

pub mod code;
pub mod denylist;
mod id;
mod secret;
#[cfg(feature = "issuer")]
pub mod session;
mod span;
mod text;
mod time;
pub mod token;

pub use code::{Action, Code};
pub use id::{IdError, ServiceKeyId, SessionId, UserId};
pub use secret::Secret;
pub use span::{Every, Span};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
