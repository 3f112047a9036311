//! A request that got through.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use countersign_core::token::{self, Claims};

use crate::state::Shared;
use crate::{Refused, Session};

/// The claims of an access token that passed every check. Only a verifier makes one.
#[derive(Clone)]
pub struct Verified {
    pub(crate) proven: Arc<Proven>,
    pub(crate) shared: Shared,
}

/// What a signature proves, and need not prove twice.
pub(crate) struct Proven {
    pub(crate) claims: token::Verified<Claims>,
    pub(crate) kid: Arc<str>,
    pub(crate) token: Box<str>,
    /// The number of the key that made the signature; `None` for a shared secret.
    pub(crate) key: Option<u64>,
}

impl Verified {
    pub(crate) const fn new(proven: Arc<Proven>, shared: Shared) -> Self {
        Self { proven, shared }
    }

    /// The session that the request belongs to, for work that goes on after the answer, such as a subscription.
    pub fn session(&self) -> Session {
        Session::of(self.clone())
    }

    /// Whether this verifier let it through.
    #[cfg(feature = "axum")]
    pub(crate) fn is_by(&self, verifier: &crate::Verifier) -> bool {
        verifier.shares(&self.shared)
    }

    /// The name of the key that signed the token.
    pub fn kid(&self) -> &str {
        &self.proven.kid
    }

    /// Whether the token allows this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.hasura.allowed_roles.iter().any(|allowed| allowed == role)
    }

    /// That the token allows this role.
    ///
    /// # Errors
    /// [`Refused::Role`].
    pub fn require_role(&self, role: &str) -> Result<(), Refused> {
        if self.has_role(role) { Ok(()) } else { Err(Refused::Role) }
    }
}

impl Deref for Verified {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.proven.claims
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("sub", &self.sub).field("sid", &self.sid).finish_non_exhaustive()
    }
}
