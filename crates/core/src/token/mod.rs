//! Access tokens: JSON Web Tokens in the compact form ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515),
//! [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)).
//!
//! ```text
//!  text ──► Unverified::parse ──► kid() ──► verify(keys, checks, now) ──► Verified<Claims>
//!             form, header                   key by kid, the key's own          │
//!             nothing else                   algorithm, signature,              └─► or Reject, at any step
//!                                            then claims, then times
//!
//!  Claims ──► check() ──► SigningKey::sign ──► text                               [feature issuer]
//! ```
//!
//! A payload cannot be read before its signature was verified: there is no function for it. The key decides
//! the algorithm; what the header says must only agree ([RFC 8725, section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).

mod algorithm;
mod base64url;
mod claims;
mod fingerprint;
mod header;
mod json;
mod keys;
mod reject;
#[cfg(feature = "issuer")]
mod sign;
#[cfg(feature = "issuer")]
mod template;
mod unverified;
mod verify;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use claims::{Claims, ClaimsError, HasuraClaims};
pub use fingerprint::{FingerprintCookie, FingerprintError, FingerprintHash};
pub use keys::{KeyError, KeySet, PublicKey};
pub use reject::Reject;
#[cfg(feature = "issuer")]
pub use sign::{SignError, SigningKey};
pub use smol_str::SmolStr;
#[cfg(feature = "issuer")]
pub use template::{ClaimTemplates, Placeholder, Template, TemplateError};
pub use unverified::{MAX_ACCESS_TOKEN, MAX_FOREIGN_TOKEN, Unverified};
pub use verify::{Checks, Expected, Verified};

/// The `typ` of our access tokens ([RFC 9068, section 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)).
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";
