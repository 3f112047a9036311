//! What a verifier insists on.

use std::time::Duration;

use countersign_core::token::Checks;

/// What is asked of the fingerprint cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FingerprintPolicy {
    /// The cookie must come with every request, and be the token's.
    #[default]
    Required,
    /// If the cookie comes, it must be the token's.
    WhenPresent,
    /// The cookie is not looked at: for an API that browsers do not send it to.
    Off,
}

/// What a verifier does when it has had no word of the auth server for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Staleness {
    /// Goes on: a token is good until it expires, and after this time without news there is a warning.
    AllowUntilExpiry(Duration),
    /// Refuses everything after this time without news, as a logout may have been missed.
    Refuse(Duration),
}

impl Staleness {
    /// After how long without news a verifier counts as stale.
    pub const fn after(self) -> Duration {
        match self {
            Self::AllowUntilExpiry(after) | Self::Refuse(after) => after,
        }
    }
}

impl Default for Staleness {
    fn default() -> Self {
        Self::AllowUntilExpiry(Duration::from_secs(5))
    }
}

/// Everything that a verifier insists on.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Issuer, audience, type and leeway.
    pub checks: Checks,
    /// The fingerprint cookie.
    pub fingerprint: FingerprintPolicy,
    /// Whether app, API and auth server live on sibling hosts: the cookie is then `__Secure-csfp`, and
    /// `__Host-csfp` otherwise.
    pub sibling_hosts: bool,
    /// What happens without news.
    pub staleness: Staleness,
    /// How many tokens are remembered whose signatures were verified, so that they are not verified again. One
    /// takes about two kilobytes.
    pub signatures: usize,
}

impl Policy {
    /// The policy that wants the fingerprint, and goes on without news, for these checks.
    pub fn new(checks: Checks) -> Self {
        Self {
            checks,
            fingerprint: FingerprintPolicy::default(),
            sibling_hosts: false,
            staleness: Staleness::default(),
            signatures: 100_000,
        }
    }

    /// The name of the fingerprint cookie.
    pub const fn fingerprint_cookie(&self) -> &'static str {
        if self.sibling_hosts { "__Secure-csfp" } else { "__Host-csfp" }
    }
}
